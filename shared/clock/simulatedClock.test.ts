import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { delay } from './clock.ts';
import { createSimulatedClock } from './simulatedClock.ts';

describe('a simulated clock', { timeout: 10_000 }, () => {
  it('stands still until it is advanced, and then moves by exactly that', async () => {
    const clock = createSimulatedClock(1000);
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual([clock.now(), clock.monotonicNow()], [1000, 0]);
    await clock.advance(250);
    assert.deepEqual([clock.now(), clock.monotonicNow()], [1250, 250]);
  });

  it('shows each timer the time at which it was due', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 1000 })), async (delays) => {
        const clock = createSimulatedClock(0);
        const seen: number[] = [];
        for (const ms of delays) clock.setTimeout(() => seen.push(clock.monotonicNow()), ms);
        await clock.advance(1000);
        assert.deepEqual(
          seen,
          delays.toSorted((a, b) => a - b),
        );
      }),
      { numRuns: 50 },
    );
  });

  it('is the same whether time is advanced in one step or in many', async () => {
    const inOne = await ticksOf([1000]);
    assert.deepEqual(inOne, await ticksOf(Array.from({ length: 100 }, () => 10)));
    assert.equal(inOne.length, 33);
  });

  it('runs what a timer set, and what waits behind promises, within the same advance', async () => {
    const clock = createSimulatedClock(0);
    const seen: string[] = [];
    const chain = async () => {
      await delay(clock, 100);
      for (let i = 0; i < 20; i++) await Promise.resolve();
      seen.push(`woke at ${clock.monotonicNow()}`);
      await delay(clock, 100);
      seen.push(`woke at ${clock.monotonicNow()}`);
    };
    const ended = chain();
    await clock.advance(200);
    assert.deepEqual(seen, ['woke at 100', 'woke at 200']);
    await ended;
  });
});

/** When a timer of 30 ms that sets itself again ran, while time was advanced by these steps. */
async function ticksOf(steps: number[]): Promise<number[]> {
  const clock = createSimulatedClock(0);
  const ticks: number[] = [];
  const tick = () => {
    ticks.push(clock.monotonicNow());
    clock.setTimeout(tick, 30);
  };
  clock.setTimeout(tick, 30);
  for (const step of steps) await clock.advance(step);
  return ticks;
}
