import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Liveness, slownessAllowance } from './liveness.ts';

const timeoutMs = 2_000;
const beat = { session: 's1', assignment: 1, digest: '' };
const silence = (machine: string, silentMs: number, allowedMs = 0, startingMs: number | null = null) => ({
  ...{ machine, silentMs, allowedMs, startingMs },
});

test('a machine is overdue when it was silent for longer than the timeout, not when just as long', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0);
  liveness.heard('m2', 500);
  assert.deepEqual(liveness.overdue(['m1', 'm2'], 2_000, timeoutMs), []);
  assert.deepEqual(liveness.overdue(['m1', 'm2'], 2_001, timeoutMs), [silence('m1', 2_001)]);
});

test('a machine that was never heard of has a full timeout from the first look on', () => {
  const liveness = new Liveness();
  assert.deepEqual(liveness.overdue(['m1'], 10_000, timeoutMs), []);
  assert.deepEqual(liveness.overdue(['m1'], 12_001, timeoutMs), [silence('m1', 2_001)]);
});

test('a forgotten machine is as one never heard of', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0);
  liveness.forget('m1');
  assert.deepEqual(liveness.overdue(['m1'], 10_000, timeoutMs), []);
});

test('a pardon gives everybody a fresh full timeout', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0);
  liveness.heard('m2', 100);
  liveness.pardonAll(5_000);
  assert.deepEqual(liveness.overdue(['m1', 'm2'], 7_000, timeoutMs), []);
  assert.equal(liveness.overdue(['m1', 'm2'], 7_001, timeoutMs).length, 2);
});

test('prompt answers allow nothing: a machine that dies is found as soon as ever', () => {
  assert.equal(slownessAllowance(0), 0);
  assert.equal(slownessAllowance(100), 0);
});

test('a machine on slow links may be silent for longer, within bounds', () => {
  assert.equal(slownessAllowance(1_100), 3_000);
  assert.equal(slownessAllowance(3_600_000), 6_000);
  const liveness = new Liveness();
  liveness.heard('m1', 0, { ...beat, answeredInMs: 1_100 });
  assert.deepEqual(liveness.overdue(['m1'], 5_000, timeoutMs), []);
  assert.deepEqual(liveness.overdue(['m1'], 5_001, timeoutMs), [silence('m1', 5_001, 3_000)]);
  liveness.heard('m1', 6_000, beat);
  assert.deepEqual(liveness.overdue(['m1'], 8_001, timeoutMs), [silence('m1', 2_001)]);
  assert.deepEqual(liveness.overdue(['m1'], 8_900, timeoutMs, 900), []);
  assert.deepEqual(liveness.overdue(['m1'], 8_901, timeoutMs, 900), [silence('m1', 2_901, 900)]);
});

test('a machine that has not said how slow its links are may have the slowest of all', () => {
  const liveness = new Liveness();
  liveness.heard('joined', 0, beat);
  liveness.heard('joined', 0);
  liveness.heard('prompt', 0, beat);
  assert.equal(liveness.overdue(['joined', 'prompt'], 2_001, timeoutMs).length, 2);
  liveness.heard('slow', 0, { ...beat, answeredInMs: 1_100, backWithinMs: 20_000 });
  assert.deepEqual(liveness.overdue(['joined', 'prompt'], 5_000, timeoutMs), [silence('prompt', 5_000)]);
  assert.deepEqual(liveness.overdue(['joined'], 5_001, timeoutMs), [silence('joined', 5_001, 3_000)]);
  liveness.forget('slow');
  assert.equal(liveness.overdue(['joined'], 2_001, timeoutMs).length, 1);
});

test('an agent that makes room is waited for as long as it says, within bounds, until its successor is heard', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0, { ...beat, backWithinMs: 15_000 });
  liveness.pardonAll(1_000);
  // Overtaken by the one before.
  liveness.heard('m1', 1_000, beat);
  assert.deepEqual(liveness.overdue(['m1'], 18_000, timeoutMs), []);
  assert.deepEqual(liveness.overdue(['m1'], 18_001, timeoutMs), [silence('m1', 17_001, 15_000)]);
  liveness.heard('m1', 20_000, { ...beat, session: 's2' });
  assert.equal(liveness.overdue(['m1'], 22_001, timeoutMs).length, 1);
  liveness.heard('m1', 20_000, { ...beat, session: 's2', backWithinMs: 3_600_000 });
  assert.deepEqual(liveness.overdue(['m1'], 60_000, timeoutMs), [silence('m1', 40_000, 30_000)]);
});

test('an agent that starts is waited for as long as it says that it does, within bounds', () => {
  const liveness = new Liveness();
  liveness.heard('m1', 0, beat);
  for (let now = 1_500; now <= 100_000; now += 500) liveness.heardStarting('m1', now);
  assert.deepEqual(liveness.overdue(['m1'], 33_000, timeoutMs), []);
  assert.deepEqual(liveness.overdue(['m1'], 33_001, timeoutMs), [silence('m1', 2_001, 0, 31_501)]);
  liveness.heard('m1', 100_000);
  liveness.heard('m1', 100_500, { ...beat, backWithinMs: 15_000 });
  liveness.heardStarting('m1', 101_000);
  assert.deepEqual(liveness.overdue(['m1'], 103_000, timeoutMs), []);
  assert.deepEqual(liveness.overdue(['m1'], 103_001, timeoutMs), [silence('m1', 2_001, 0, 2_001)]);
});
