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
  /** Of all timers, also those that were cleared. */
  const queue: Timer[] = [];
  let elapsedMs = 0;
  let lastId = 0;

  function firstDue(): Timer | undefined {
    while (queue[0] && !timers.has(queue[0].id)) takeFirst(queue);
    return queue[0];
  }

  return {
    now: () => startMs + elapsedMs,
    monotonicNow: () => elapsedMs,
    setTimeout(callback, delayMs) {
      const timer = { id: ++lastId, dueMs: elapsedMs + leastDelay(delayMs), callback };
      timers.set(timer.id, timer);
      put(queue, timer);
      return timer.id;
    },
    clearTimeout(id) {
      timers.delete(id as number);
    },
    nextTurn: () => Promise.resolve(),
    advance(ms) {
      const untilMs = elapsedMs + ms;
      return new Promise((resolve, reject) => {
        repeatWhenSettled(() => {
          const next = firstDue();
          if (!next || next.dueMs > untilMs) {
            elapsedMs = Math.max(elapsedMs, untilMs);
            resolve();
            return false;
          }
          timers.delete(next.id);
          elapsedMs = Math.max(elapsedMs, next.dueMs);
          try {
            next.callback();
            return true;
          } catch (error) {
            reject(error);
            return false;
          }
        });
      });
    },
  };
}

/** As Node's: at least 1 ms, so that a timer that sets itself again does not stop time. */
function leastDelay(delayMs: number): number {
  return Math.max(delayMs || 1, 1);
}

/** Of timers that are due together, the one set first comes first. */
function comesBefore(one: Timer, other: Timer): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.id < other.id);
}

/** The queue is a binary heap: the first of it is at 0, and before those at 2 i + 1 and 2 i + 2 comes the one at i. */
function put(queue: Timer[], timer: Timer): void {
  let at = queue.length;
  while (at > 0) {
    const up = (at - 1) >> 1;
    const above = queue[up];
    if (!above || comesBefore(above, timer)) break;
    queue[at] = above;
    at = up;
  }
  queue[at] = timer;
}

function takeFirst(queue: Timer[]): void {
  const last = queue.pop();
  if (!last || queue.length === 0) return;
  for (let at = 0; ; ) {
    const [left, right] = [queue[2 * at + 1], queue[2 * at + 2]];
    const below = right && left && comesBefore(right, left) ? 2 * at + 2 : 2 * at + 1;
    const next = queue[below];
    if (!next || comesBefore(last, next)) {
      queue[at] = last;
      return;
    }
    queue[at] = next;
    at = below;
  }
}

/** So many steps are taken in one round of the event loop, which asks the system for news after each round. */
const stepsARound = 16;

/**
 * Takes steps until one returns false. Before each, Node has run what the one before it woke: it calls the immediates of
 * one round only when no promise's reaction is left to run.
 */
function repeatWhenSettled(step: () => boolean): void {
  /** Null: it has returned false. */
  let going: (() => boolean) | null = step;
  let left = 0;
  const round = () => {
    left = stepsARound;
    for (let i = 0; i < stepsARound; i++) setImmediate(next);
  };
  const next = () => {
    left--;
    if (going && !going()) going = null;
    if (going && left === 0) round();
  };
  round();
}
