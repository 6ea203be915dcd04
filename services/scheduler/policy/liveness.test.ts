import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allowanceOf, Liveness, overdue } from './liveness.ts';

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

const beat = { session: 's1', assignment: 1, digest: '' };

test('prompt answers allow nothing: a machine that dies is found as soon as ever', () => {
  assert.equal(allowanceOf(beat), 0);
  assert.equal(allowanceOf({ ...beat, answeredInMs: 100 }), 0);
});

test('a machine on slow links may be silent for longer, within bounds', () => {
  assert.equal(allowanceOf({ ...beat, answeredInMs: 1_100 }), 3_000);
  assert.equal(allowanceOf({ ...beat, answeredInMs: 3_600_000 }), 6_000);
});

test('an agent that makes room is waited for as long as it says, within bounds, until its successor is heard', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0, allowanceOf({ ...beat, backWithinMs: 15_000 }));
  liveness.pardonAll(1_000);
  assert.deepEqual(overdue(liveness, ['m1'], 18_000, 2_000), []);
  assert.deepEqual(overdue(liveness, ['m1'], 18_001, 2_000), [{ machine: 'm1', silentMs: 17_001 }]);
  liveness.heard('m1', 20_000, allowanceOf(beat));
  assert.equal(overdue(liveness, ['m1'], 22_001, 2_000).length, 1);
  assert.equal(allowanceOf({ ...beat, backWithinMs: 3_600_000 }), 30_000);
});
