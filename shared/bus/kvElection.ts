import type { Bytes, KeyValue, KvError } from '../domain/kv.ts';
import { prefixRange } from '../domain/kvKeys.ts';
import type { KvClient } from './kvClient.ts';
import { watchKeys } from './kvWatch.ts';

/**
 * Who leads an election: now, and at every change; of a leader that says something new, again. Ends when `signal`
 * aborts, or with an error.
 */
export async function* observeElection(
  client: KvClient,
  name: Bytes,
  signal: AbortSignal,
): AsyncGenerator<KeyValue | { error: KvError }, void, undefined> {
  const queue = prefixRange(`${name}/`);
  while (!signal.aborted) {
    const answer = await client.range({ ...queue, sortTarget: 'create', sortOrder: 'ascend', limit: 1 });
    if (!answer.ok) return yield { error: answer.error };
    const [leader] = answer.response.kvs;
    if (leader) yield leader;
    yield* proclamations(client, leader, { ...queue, startRevision: answer.revision + 1 }, signal);
  }
}

/** What the leader says, until another one may lead; without a leader, nothing until there is one. */
async function* proclamations(
  client: KvClient,
  leader: KeyValue | undefined,
  queue: { key: Bytes; rangeEnd: Bytes; startRevision: number },
  signal: AbortSignal,
): AsyncGenerator<KeyValue, void, undefined> {
  const watched = leader ? { key: leader.key, startRevision: queue.startRevision } : { ...queue, noDelete: true };
  for await (const item of watchKeys(client.parts, watched, { signal })) {
    if ('error' in item || leader === undefined) return;
    for (const { type, kv } of item.events) {
      if (type === 'delete') return;
      yield kv;
    }
  }
}
