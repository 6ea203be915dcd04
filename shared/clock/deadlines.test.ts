import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deadlines } from './deadlines.ts';
import { createSimulatedClock } from './simulatedClock.ts';

test('what comes in time is given, what does not is late', async () => {
  const clock = createSimulatedClock(0);
  const deadlines = new Deadlines(clock);
  assert.equal(await deadlines.limit(Promise.resolve('done'), 1_000, 'late'), 'done');
  await assert.rejects(deadlines.limit(Promise.reject(new Error('broken')), 1_000, 'late'), /broken/);
  const never = deadlines.limit(new Promise(() => undefined), 1_000, 'late');
  await clock.advance(900);
  let outcome: unknown;
  void never.then((value) => {
    outcome = value;
  });
  await clock.advance(0);
  assert.equal(outcome, undefined);
  await clock.advance(400);
  assert.equal(outcome, 'late');
});

test('a wait that begins after a pause is limited, too', async () => {
  const clock = createSimulatedClock(0);
  const deadlines = new Deadlines(clock);
  await deadlines.limit(Promise.resolve(1), 100, null);
  await clock.advance(5_000);
  const late = deadlines.limit(new Promise(() => undefined), 100, 'late');
  await clock.advance(600);
  assert.equal(await late, 'late');
});
