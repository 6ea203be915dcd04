import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Clock, delay } from './clock.ts';

export interface ClockFixture {
  clock: Clock;
  /** Returns when `ms` of that clock have passed and what came due has run. */
  pass(ms: number): Promise<void>;
}

/** What everybody may rely on in a {@link Clock}. */
export function describeClockContract(name: string, createFixture: () => ClockFixture): void {
  describe(`${name} as a clock`, { timeout: 10_000 }, () => {
    it('calls back once, when the delay has passed and not before', async () => {
      const { clock, pass } = createFixture();
      const calledAt: number[] = [];
      const start = clock.monotonicNow();
      clock.setTimeout(() => calledAt.push(clock.monotonicNow()), 20);
      await pass(60);
      assert.equal(calledAt.length, 1);
      assert.ok(Number(calledAt[0]) - start >= 19, 'too early');
    });

    it('runs timers in the order of their time, of equal ones in the order in which they were set', async () => {
      const { clock, pass } = createFixture();
      const order: string[] = [];
      clock.setTimeout(() => order.push('late'), 30);
      clock.setTimeout(() => order.push('early 1'), 10);
      clock.setTimeout(() => order.push('early 2'), 10);
      await pass(60);
      assert.deepEqual(order, ['early 1', 'early 2', 'late']);
    });

    it('does not call what was cleared, and clearing twice or after the end does nothing', async () => {
      const { clock, pass } = createFixture();
      const called: string[] = [];
      const cleared = clock.setTimeout(() => called.push('cleared'), 10);
      const kept = clock.setTimeout(() => called.push('kept'), 10);
      clock.clearTimeout(cleared);
      await pass(40);
      for (const id of [cleared, kept]) clock.clearTimeout(id);
      assert.deepEqual(called, ['kept']);
    });

    it('never calls back before setTimeout has returned, whatever the delay', async () => {
      const { clock, pass } = createFixture();
      let set = false;
      const seen: boolean[] = [];
      for (const delayMs of [0, -5, Number.NaN]) clock.setTimeout(() => seen.push(set), delayMs);
      set = true;
      await pass(20);
      assert.deepEqual(seen, [true, true, true]);
    });

    it('waits out a delay of many days', async () => {
      const { clock, pass } = createFixture();
      let called = false;
      const id = clock.setTimeout(() => {
        called = true;
      }, 60 * 86_400_000);
      await pass(20);
      clock.clearTimeout(id);
      assert.equal(called, false);
    });

    it('lets the wall clock and the monotonic clock move on together', async () => {
      const { clock, pass } = createFixture();
      const [wall, monotonic] = [clock.now(), clock.monotonicNow()];
      await pass(20);
      assert.ok(clock.monotonicNow() - monotonic >= 19);
      assert.ok(clock.now() > wall);
    });

    it('takes a turn though no time is passed', async () => {
      await createFixture().clock.nextTurn();
    });

    it('ends a delay early when its signal aborts', async () => {
      const { clock } = createFixture();
      const abort = new AbortController();
      const ended = delay(clock, 86_400_000, abort.signal);
      abort.abort();
      await ended;
    });
  });
}
