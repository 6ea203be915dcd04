import type { Clock } from './clock.ts';

export interface SimulatedClock extends Clock {
  /**
   * Moves time on by `ms`: runs the timers that come due, in order of their time (of equal ones, in the order in which
   * they were set), also those that they set in turn. After each, what it woke (promises) runs as far as it can without
   * more time. Resolves when that moment is reached.
   */
  advance(ms: number): Promise<void>;
}

interface Timer {
  id: number;
  dueMs: number;
  callback: () => void;
}

/** A clock that stands still until it is advanced. Both its clocks begin at `startMs` (wall clock) and 0 (monotonic). */
export function createSimulatedClock(startMs: number): SimulatedClock {
  const timers = new Map<number, Timer>();
  let elapsedMs = 0;
  let lastId = 0;
  return {
    now: () => startMs + elapsedMs,
    monotonicNow: () => elapsedMs,
    setTimeout(callback, delayMs) {
      const id = ++lastId;
      timers.set(id, { id, dueMs: elapsedMs + leastDelay(delayMs), callback });
      return id;
    },
    clearTimeout(id) {
      timers.delete(id as number);
    },
    async advance(ms) {
      const untilMs = elapsedMs + ms;
      await settle();
      for (let next = firstOf(timers); next && next.dueMs <= untilMs; next = firstOf(timers)) {
        timers.delete(next.id);
        elapsedMs = Math.max(elapsedMs, next.dueMs);
        next.callback();
        await settle();
      }
      elapsedMs = Math.max(elapsedMs, untilMs);
    },
  };
}

/** As Node's: at least 1 ms, so that a timer that sets itself again does not stop time. */
function leastDelay(delayMs: number): number {
  return Math.max(delayMs || 1, 1);
}

/** A map keeps insertion order, so of those due together the one set first is found first. */
function firstOf(timers: Map<number, Timer>): Timer | undefined {
  let first: Timer | undefined;
  for (const timer of timers.values()) if (!first || timer.dueMs < first.dueMs) first = timer;
  return first;
}

/** The event loop comes round only when no promise's reaction is left to run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
