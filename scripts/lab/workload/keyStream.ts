/** A client that puts keys into the store, one after the other, and writes down which were acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { NoLeaderError } from '../../../shared/bus/askPatiently.ts';
import type { KvClient } from '../../../shared/bus/kvClient.ts';

const pauseMs = 200;
const answerTimeoutMs = 60_000;
const prefix = 'lab/';

/** Puts until the signal aborts; the acknowledged keys are added to `acknowledged`. */
export async function putKeys(kv: KvClient, signal: AbortSignal, acknowledged: string[]): Promise<void> {
  for (let number = 1; !signal.aborted; number++) {
    const key = `${prefix}${number}`;
    try {
      const answer = await kv.put(key, key);
      if (answer.ok) acknowledged.push(key);
    } catch (error) {
      if (!(error instanceof NoLeaderError)) throw error;
    }
    await sleep(pauseMs);
  }
}

/**
 * Those of the keys that the store does not have. On slow links, after an election, it is asked more than once.
 * @throws {NoLeaderError} it did not answer within a minute.
 */
export async function missingKeys(kv: KvClient, acknowledged: readonly string[]): Promise<string[]> {
  const deadline = AbortSignal.timeout(answerTimeoutMs);
  for (;;) {
    try {
      // Everything from the prefix on: "0" follows "/".
      const answer = await kv.range({ key: prefix, rangeEnd: 'lab0' });
      const there = new Set(answer.ok ? answer.response.kvs.map(({ key }) => key) : []);
      return acknowledged.filter((key) => !there.has(key));
    } catch (error) {
      if (!(error instanceof NoLeaderError) || deadline.aborted) throw error;
    }
    await sleep(pauseMs);
  }
}
