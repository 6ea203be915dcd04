import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fold } from '../../test/support/deciderSpec.ts';
import { joined, placed, report, submission, submitted } from '../../test/support/samples.ts';
import { digestReports } from './digest.ts';
import type { Event, UnitReport } from './events.ts';
import { describeRejected, machines, unitFiles, unitStates } from './views.ts';

const launch = (unit: string): Event => ({ type: 'UnitLaunchRequested', unit });
const reported = (machine: string, unit: string, changes: Partial<UnitReport> = {}): Event => ({
  type: 'UnitStateReported',
  machine,
  ...report(unit, changes),
});
const b = submission('b.service');
const start = [joined('m1', { ip: '10.0.0.1' }), submitted(b), launch('b.service')];
const running = [...start, placed('b.service', 'm1')];

describe('list-units', () => {
  test('has a row for each unit and machine, sorted by both', () => {
    const everywhere = submission('a.service', { global: true });
    const global = [
      joined('m0'),
      submitted(everywhere),
      launch('a.service'),
      placed('a.service', 'm1'),
      placed('a.service', 'm0'),
    ];
    const rows = unitStates(fold([...running, ...global, reported('m1', 'b.service')]));
    assert.deepEqual(
      rows.map(({ unit, machine }) => `${unit} ${machine}`),
      ['a.service m0', 'a.service m1', 'b.service m1'],
    );
  });
  test('shows what the machine reports, or that it has not said anything yet', () => {
    const [before] = unitStates(fold(running));
    assert.deepEqual(
      [before?.load, before?.active, before?.sub, before?.reason],
      ['not-loaded', 'inactive', 'dead', 'it was started'],
    );
    const [after] = unitStates(fold([...running, reported('m1', 'b.service', { pid: 7 })]));
    const { goal: _, ...said } = report('b.service', { pid: 7 });
    assert.deepEqual(after, { ...said, since: after?.since, machine: 'm1', ip: '10.0.0.1' });
  });
  test('shows a unit without a machine and why, but none that shall not run', () => {
    const waiting: Event = { type: 'UnitLeftWaiting', unit: 'b.service', rejected: { 'not enough memory': 1 } };
    const [row] = unitStates(fold([...start, waiting, submitted(submission('c.service'))]));
    assert.deepEqual(
      [row?.unit, row?.machine, row?.ip, row?.reason],
      ['b.service', null, null, '1 machine: not enough memory'],
    );
    assert.equal(unitStates(fold([...start, waiting, submitted(submission('c.service'))])).length, 1);
  });
  test('shows what a machine still has of units that it should not have', () => {
    const gone: Event[] = [...running, reported('m1', 'b.service'), { type: 'UnitDestroyed', unit: 'b.service' }];
    assert.deepEqual(
      unitStates(fold(gone)).map(({ unit, machine, sub }) => [unit, machine, sub]),
      [['b.service', 'm1', 'running']],
    );
  });
});

describe('list-unit-files', () => {
  const stateAfter = (...events: Event[]) => unitFiles(fold([...running, ...events]))[0]?.state;
  test('shows the wished state only once a machine has taken it up', () => {
    assert.equal(stateAfter(), 'inactive');
    assert.equal(stateAfter(reported('m1', 'b.service', { goal: 3 })), 'loaded');
    assert.equal(stateAfter(reported('m1', 'b.service', { goal: 4 })), 'launched');
  });
  test('is sorted and has the descriptions', () => {
    const described = { ...submission('a.service'), description: 'A unit' };
    const files = unitFiles(fold([submitted(b), submitted(described)]));
    assert.deepEqual(
      files.map(({ unit, description }) => [unit, description]),
      [
        ['a.service', 'A unit'],
        ['b.service', 'the unit b.service'],
      ],
    );
  });
});

describe('list-machines', () => {
  test('shows those that are there or lost, not those that left in good order', () => {
    const events: Event[] = [
      ...[...running, joined('m3'), joined('m0'), joined('m2')],
      { type: 'MachineLost', machine: 'm2', reason: 'silence' },
      { type: 'MachineLeft', machine: 'm3', reason: 'bye' },
    ];
    const rows = machines(fold(events)).map(({ id, state, units, reason }) => [id, state, units, reason]);
    assert.deepEqual(rows, [
      ['m0', 'ready', 0, ''],
      ['m1', 'ready', 1, ''],
      ['m2', 'lost', 0, 'silence'],
    ]);
  });
});

test('reasons of rejection are told most frequent first', () => {
  assert.equal(
    describeRejected({ 'conflict with x': 1, 'no docker runtime': 2 }),
    '2 machines: no docker runtime; 1 machine: conflict with x',
  );
  assert.equal(describeRejected({}), 'no machine is ready');
});

describe('the digest of reports', () => {
  const reports = [report('a.service'), report('b.service')];
  test('does not depend on their order', () => {
    assert.equal(digestReports([...reports].reverse()), digestReports(reports));
  });
  test('depends on everything that list-units shows of their state', () => {
    const changes: Partial<UnitReport>[] = [
      { unit: 'x.service' },
      { hash: 'x' },
      { active: 'failed' },
      { sub: 'exited' },
      { goal: 2 },
    ];
    const digests = changes.map((change) => digestReports([report('a.service', change), report('b.service')]));
    assert.equal(new Set([...digests, digestReports(reports), digestReports([])]).size, changes.length + 2);
  });
  test('is the same in every version: nodes and schedulers compare it', () => {
    assert.equal(digestReports([]), '811c9dc5');
    assert.equal(digestReports(reports), 'cbd7f416');
  });
});
