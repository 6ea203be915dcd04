import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UnitStateView } from '../shared/domain/views.ts';
import type { UnitDetails } from '../shared/protocol/queries.ts';
import { describeState, describeUnit, readNotes, type StateOnMachine } from './statusRows.ts';

const since = Date.UTC(2026, 10, 26, 12, 0, 24);
const state: UnitStateView = {
  unit: 'web.service',
  machine: '113f16a7f00d',
  ip: '10.0.0.1',
  load: 'loaded',
  active: 'active',
  sub: 'running',
  hash: '54cb062ffff',
  since,
  result: 'success',
  reason: 'started',
};

function rowsOf(shown: Partial<StateOnMachine>): string[] {
  const { limits } = readNotes('web.service', undefined);
  const all = { state, placed: undefined, seen: { usage: null }, limits, activity: null, ...shown };
  return describeState(all, false, since + 65_000);
}

describe('the status of a unit', () => {
  it('is what systemctl tells of one that runs', () => {
    const processes = [{ pid: 1071, command: '/bin/sh -c serve' }];
    const ended = [{ directive: 'ExecStartPre', line: '/bin/echo pre', pid: 1069, exit: { code: 0 } }];
    const seen = { usage: { tasks: 1, processes, group: '/own/web.service' }, ended };
    const rows = rowsOf({ state: { ...state, pid: 1071 }, placed: 'it was started', seen });
    assert.match(
      rows[2] ?? '',
      /^ {5}Active: active \(running\) since \w{3} 2026-11-\d\d \d\d:00:24 \S+; 1min 5s ago$/,
    );
    assert.deepEqual(rows.toSpliced(2, 1), [
      '    Machine: 113f16a7…/10.0.0.1 (it was started)',
      '     Loaded: loaded (hash 54cb062)',
      '        Why: started',
      '    Process: 1069 ExecStartPre=/bin/echo pre (code=exited, status=0/SUCCESS)',
      '   Main PID: 1071 (sh)',
      '      Tasks: 1',
      '     CGroup: /own/web.service',
      '             └─1071 /bin/sh -c serve',
    ]);
  });

  it('says how the main process of one has ended that failed', () => {
    const failed: UnitStateView = {
      ...state,
      active: 'failed',
      sub: 'failed',
      result: 'signal',
      exit: { signal: 'SIGSEGV' },
    };
    const ended = [{ directive: 'ExecStart', line: '/bin/serve', pid: 9, exit: { signal: 'SIGSEGV' } }];
    const rows = rowsOf({ state: failed, seen: { usage: null, ended } });
    assert.deepEqual(rows.slice(4), [
      '     Result: signal',
      '    Process: 9 ExecStart=/bin/serve (code=killed, signal=SEGV)',
      '   Main PID: 9 (code=killed, signal=SEGV)',
    ]);
    // Of an older node, or a container, only the end is known.
    const exited = { ...failed, result: 'exit-code', exit: { code: 203 } };
    assert.equal(rowsOf({ state: exited }).at(-1), '       Exit: (code=exited, status=203/EXEC)');
    assert.equal(rowsOf({ state: { ...exited, exit: { code: 3 } } }).at(-1), '       Exit: (code=exited, status=3)');
  });

  it('names a container, what it says of itself, and what takes long', () => {
    const talking = {
      ...state,
      pid: 7,
      container: '0123456789abcdef',
      status: 'ready',
      restarts: 2,
      health: 'healthy',
    };
    const rows = rowsOf({ state: { ...talking, health: 'healthy' }, activity: 'pulling redis:7' });
    assert.deepEqual(rows.slice(4), [
      '       Busy: pulling redis:7',
      '   Main PID: 7',
      '  Container: 0123456789ab',
      '     Health: healthy',
      '     Status: "ready"',
      '   Restarts: 2',
    ]);
  });

  it('says which condition left a start out, in the place of a reason', () => {
    const reason = 'ConditionPathExists=/x was not met';
    const rows = rowsOf({ state: { ...state, active: 'inactive', sub: 'dead', result: 'condition', reason } });
    assert.match(rows[3] ?? '', /^ {2}Condition: start condition failed at .*; 1min 5s ago$/);
    assert.equal(rows[4], `             └─ ${reason}`);
  });

  it('can do nothing to the terminal, whatever a unit calls itself or says', () => {
    const processes = [{ pid: 7, command: 'x\x1b[2J' }];
    const shown = rowsOf({ state: { ...state, reason: 'a\x07b\nc' }, seen: { usage: { processes } } });
    assert.deepEqual(shown.slice(3), ['        Why: a?b?c', '  Processes: └─7 x?[2J']);
  });

  it('begins with what the unit is, its documentation, and why it waits', () => {
    const text = '[Unit]\nDocumentation=man:old(1)\nDocumentation=\nDocumentation=man:web(1) https://x.example/\n';
    const file = {
      unit: 'web.service',
      hash: '54cb062ffff',
      desired: 'launched',
      state: 'inactive',
      machines: [],
      global: false,
      description: 'A web',
    } as const;
    const waiting = { why: 'it was started', machines: [{ id: 'm1', reason: 'metadata zone is not x' }] };
    const unit: UnitDetails = {
      name: 'web.service',
      file: { ...file, machines: [] },
      states: [],
      settled: false,
      waiting,
    };
    assert.deepEqual(describeUnit(unit, { ...file, machines: [] }, readNotes('web.service', text), false), [
      '● web.service - A web',
      '      Known: hash 54cb062; wished: launched; is: inactive',
      '       Docs: man:web(1)',
      '             https://x.example/',
      '    Waiting: no machine takes it (it was started)',
      '             m1: metadata zone is not x',
    ]);
  });
});
