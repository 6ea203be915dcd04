import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks again and again, until the answer is not null, undefined or false; resolves with it.
 * @throws when there is no such answer within `timeoutMs`.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  timeoutMs = 10_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = AbortSignal.timeout(timeoutMs);
  for (;;) {
    const answer = await ask();
    if (answer !== null && answer !== undefined && answer !== false) {
      return answer as NonNullable<Exclude<T, false>>;
    }
    if (deadline.aborted) throw new Error(`waited ${timeoutMs / 1000} s in vain until ${what}`);
    await sleep(10);
  }
}
