import type { Clock } from '../clock/clock.ts';

export interface Insistence {
  clock: Clock;
  /** How long an answer is waited for before it is asked again, ms. */
  everyMs: number;
  /** How often it is asked in all. */
  times: number;
}

/**
 * Asks, and asks again as long as there is no answer; the first answer counts, whichever question it is to. Where answers
 * take longer than `everyMs`, who waits for the one to the last question alone would wait for ever.
 * @param ask gives up by itself after so many ms, and must come to the same if it is asked twice.
 */
export function askAgain<T>(ask: (timeoutMs: number) => Promise<T>, insistence: Insistence): Promise<T> {
  const { clock, everyMs, times } = insistence;
  return new Promise((resolve, reject) => {
    let left = times;
    let next: unknown;
    const end = () => {
      left = 0;
      clock.clearTimeout(next);
    };
    const send = () => {
      ask(everyMs * left)
        .then(resolve, reject)
        .finally(end);
      left--;
      if (left > 0) next = clock.setTimeout(send, everyMs);
    };
    send();
  });
}
