import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Liveness, overdue } from './liveness.ts';

test('a machine is overdue when it was silent for longer than the timeout, not when just as long', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0);
  liveness.heard('m2', 500);
  assert.deepEqual(overdue(liveness, ['m1', 'm2'], 2_000, 2_000), []);
  assert.deepEqual(overdue(liveness, ['m1', 'm2'], 2_001, 2_000), [{ machine: 'm1', silentMs: 2_001 }]);
});

test('a machine that was never heard of has a full timeout from the first look on', () => {
  const liveness = new Liveness();
  assert.deepEqual(overdue(liveness, ['m1'], 10_000, 2_000), []);
  assert.deepEqual(overdue(liveness, ['m1'], 12_001, 2_000), [{ machine: 'm1', silentMs: 2_001 }]);
});

test('a forgotten machine is as one never heard of', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0);
  liveness.forget('m1');
  assert.deepEqual(overdue(liveness, ['m1'], 10_000, 2_000), []);
});

test('a pardon gives everybody a fresh full timeout', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0);
  liveness.heard('m2', 100);
  liveness.pardonAll(5_000);
  assert.deepEqual(overdue(liveness, ['m1', 'm2'], 7_000, 2_000), []);
  assert.equal(overdue(liveness, ['m1', 'm2'], 7_001, 2_000).length, 2);
});
