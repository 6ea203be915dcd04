/**
 * The port to time. `systemClock.ts` is the real one, `simulatedClock.ts` its twin, which moves only when told to.
 * `setTimeout` and `clearTimeout` have the shape that xstate's `clock` option asks for.
 */
export interface Clock {
  /** Wall clock, ms since 1970. For records that people read; never for measuring how long something took. */
  now(): number;
  /** Monotonic clock, ms since some fixed moment. For time-outs and leases. */
  monotonicNow(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(id: unknown): void;
  /** Resolves after one turn of the event loop, in which what has arrived meanwhile was taken in. No time is waited. */
  nextTurn(): Promise<void>;
}

/** Resolves after `delayMs` of that clock, or at once when `signal` aborts. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const id = clock.setTimeout(done, delayMs);
    function done() {
      signal?.removeEventListener('abort', done);
      clock.clearTimeout(id);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when `work` is done, or after `delayMs` of that clock. No timer is left, which would keep a process from ending. */
export async function atMost(clock: Clock, delayMs: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([work, delay(clock, delayMs, over.signal)]);
  } finally {
    over.abort();
  }
}
