import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnitFileView, UnitStateView } from '../shared/domain/views.ts';
import type { UnitDetails } from '../shared/protocol/queries.ts';
import { describeOutcome } from './outcome.ts';

const machine = '113f16a7aaaaaaaaaaaaaaaaaaaaaaaa';

function state(changes: Partial<UnitStateView> = {}): UnitStateView {
  return {
    ...{ unit: 'a.service', machine, ip: '127.0.0.1', load: 'loaded', active: 'active', sub: 'running' },
    ...{ hash: 'f00', result: 'success', reason: 'started' },
    ...changes,
  };
}

function unit(desired: UnitFileView['desired'], changes: Partial<UnitDetails> = {}, global = false): UnitDetails {
  const file = { unit: 'a.service', hash: 'f00', desired, state: desired, machines: [], global, description: '' };
  return { name: 'a.service', file, states: [state()], settled: true, ...changes };
}

const lost = (details: UnitDetails): UnitDetails => {
  const { file: _, ...rest } = details;
  return { ...rest, states: [] };
};

test("what was wished and is so is said in fleet's words", () => {
  const place = '113f16a7…/127.0.0.1';
  assert.deepEqual(describeOutcome(unit('launched'), 'launched', 60), {
    ok: true,
    lines: [`Unit a.service launched on ${place}`],
  });
  assert.deepEqual(describeOutcome(unit('loaded', { states: [state({ active: 'inactive' })] }), 'loaded', 60).lines, [
    `Unit a.service loaded on ${place}`,
  ]);
  assert.deepEqual(describeOutcome(unit('inactive', { states: [] }), 'inactive', 60).lines, [
    'Unit a.service inactive',
  ]);
  assert.deepEqual(describeOutcome(lost(unit('launched')), 'gone', 60).lines, ['Destroyed a.service']);
});

test('a unit that failed is a failure, with why and where to look', () => {
  const failed = state({ active: 'failed', result: 'exit-code', reason: 'main process exited with status 1' });
  assert.deepEqual(describeOutcome(unit('launched', { states: [failed] }), 'launched', 60), {
    ok: false,
    lines: [
      'Unit a.service failed on 113f16a7…/127.0.0.1: main process exited with status 1 (exit-code); ' +
        'see: flotilla journal a.service',
    ],
  });
});

test('a unit that could not start for want of another one has not been launched', () => {
  const kept = state({
    active: 'inactive',
    sub: 'dead',
    result: 'dependency',
    reason: 'db.service, which it requires, is failed',
  });
  const { ok, lines } = describeOutcome(unit('launched', { states: [kept] }), 'launched', 60);
  assert.equal(ok, false);
  assert.match(lines.join('\n'), /failed on .*: db\.service, which it requires, is failed \(dependency\)/);
});

test('a unit that is started again and again has not been launched', () => {
  const restarting = state({
    active: 'activating',
    sub: 'auto-restart',
    result: 'exit-code',
    reason: 'Restart= applies',
  });
  const { ok, lines } = describeOutcome(unit('launched', { states: [restarting] }), 'launched', 60);
  assert.equal(ok, false);
  assert.match(lines.join('\n'), /keeps failing .*Restart= applies/);
});

test('a unit that ran to its good end was launched', () => {
  const ended = state({ active: 'inactive', sub: 'dead', reason: 'main process exited with status 0' });
  const { ok, lines } = describeOutcome(unit('launched', { states: [ended] }), 'launched', 60);
  assert.equal(ok, true);
  assert.match(lines.join('\n'), /launched on .* and has ended: main process exited with status 0/);
});

test('a unit without a machine says why, machine by machine', () => {
  const nowhere = unit('launched', {
    states: [state({ machine: null, ip: null, active: 'inactive' })],
    waiting: { why: 'it was started', machines: [{ id: machine, reason: 'metadata zone is not a' }] },
  });
  assert.deepEqual(describeOutcome(nowhere, 'launched', 60), {
    ok: false,
    lines: [
      'Unit a.service has no machine:',
      '  113f16a7…: metadata zone is not a',
      '  it stays launched and is placed as soon as a machine may take it',
    ],
  });
});

test('a global unit is counted where all is well and named where it is not', () => {
  const states = [
    state(),
    state({ machine: 'b' }),
    state({ machine: 'c', active: 'failed', reason: 'no such program' }),
  ];
  const { ok, lines } = describeOutcome(unit('launched', { states }, true), 'launched', 60);
  assert.equal(ok, false);
  assert.equal(lines[0], 'Unit a.service launched on 2 machines');
  assert.match(lines[1] ?? '', /failed on c\/127\.0\.0\.1: no such program/);
});

test('when time is up it says where things stand', () => {
  const starting = unit('launched', { settled: false, states: [state({ active: 'activating', sub: 'start-pre' })] });
  const { ok, lines } = describeOutcome(starting, 'launched', 5);
  assert.equal(ok, false);
  assert.match(lines.join('\n'), /not launched after 5 s:\n {2}activating \(start-pre\) on 113f16a7….*started/);
});

test('a unit that somebody destroyed meanwhile is not taken for started', () => {
  assert.equal(describeOutcome(lost(unit('launched')), 'launched', 60).ok, false);
});
