import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** Node's timers hold 31 bits; a longer delay would end at once. */
const longestDelayMs = 2 ** 31 - 1;

interface Timer {
  timeout?: NodeJS.Timeout;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonicNow: () => performance.now(),
  setTimeout(callback, delayMs) {
    const timer: Timer = {};
    arm(timer, callback, delayMs);
    return timer;
  },
  clearTimeout(id) {
    clearTimeout((id as Timer | undefined)?.timeout);
  },
  nextTurn: () => nextTurn(),
};

function arm(timer: Timer, callback: () => void, delayMs: number): void {
  const restMs = delayMs - longestDelayMs;
  timer.timeout =
    restMs > 0 ? setTimeout(() => arm(timer, callback, restMs), longestDelayMs) : setTimeout(callback, delayMs);
}
