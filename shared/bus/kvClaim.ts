import { LinkedController } from '../clock/linkedController.ts';
import type { Bytes, KeyValue, KvError, TxnRequest } from '../domain/kv.ts';
import { bytesOfText, leaseToHex, prefixRange } from '../domain/kvKeys.ts';
import type { KvAnswer, KvClient } from './kvClient.ts';
import type { KvSession } from './kvSession.ts';
import { watchKeys } from './kvWatch.ts';

/**
 * A place in a queue of sessions, at its head: a lock that is held, an election that was won. etcd's recipe
 * (its `concurrency` package), so that its clients and this one can queue for the same name.
 */
export interface KvClaim {
  readonly key: Bytes;
  /**
   * The fencing token: the revision that made the key. Whoever comes later has a higher one. What the claim protects
   * must refuse a token that is lower than one that it has seen: see docs/locks.md.
   */
  readonly token: number;
}

export interface ClaimOptions {
  session: KvSession;
  /** What to queue for. */
  name: Bytes;
  /** Of the key: who is leader, in an election. */
  value?: Bytes;
  /** Gives up waiting. */
  signal?: AbortSignal;
}

/**
 * Queues, and resolves at the head of the queue. The claim lasts as long as its session.
 * `stopped`: it was given up, or the session was lost, before that; the place in the queue is given back.
 * @throws {NoLeaderError}
 */
export async function claim(client: KvClient, options: ClaimOptions): Promise<KvAnswer<KvClaim>> {
  const { session, name } = options;
  const key = `${name}/${bytesOfText(leaseToHex(session.lease))}`;
  const queued = await enqueue(client, key, options);
  if (!queued.ok) return queued;
  const mine: KvClaim = { key, token: queued.response };
  const error = (await headOfQueue(client, options, mine)) ?? (await stillMine(client, mine));
  if (error === null) return { ok: true, revision: queued.revision, response: mine };
  await release(client, mine);
  return { ok: false, error };
}

/** Gives a claim, or a place in the queue, back: only its own. */
export async function release(client: KvClient, { key, token }: KvClaim): Promise<KvError | null> {
  const answer = await client.txn({
    compare: [{ key, target: 'create', result: 'equal', number: token }],
    success: [{ type: 'DeleteRange', key }],
    failure: [],
  });
  return answer.ok ? null : answer.error;
}

/** Changes the value of a claim; `lease-not-found`: it is no longer held. */
export async function proclaim(
  client: KvClient,
  session: KvSession,
  held: KvClaim,
  value: Bytes,
): Promise<KvError | null> {
  const { key, token } = held;
  const answer = await client.txn({
    compare: [{ key, target: 'create', result: 'equal', number: token }],
    success: [{ type: 'Put', key, value, lease: session.lease }],
    failure: [],
  });
  if (!answer.ok) return answer.error;
  return answer.response.succeeded ? null : { code: 'lease-not-found' };
}

/** Resolves with the revision that made the key: a retry of a session that queues already finds its place. */
async function enqueue(client: KvClient, key: Bytes, { session, value = '' }: ClaimOptions): Promise<KvAnswer<number>> {
  const request: TxnRequest = {
    compare: [{ key, target: 'create', result: 'equal', number: 0 }],
    success: [{ type: 'Put', key, value, lease: session.lease }],
    failure: [{ type: 'Range', key }],
  };
  const answer = await client.txn(request);
  if (!answer.ok) return answer;
  const { revision, response } = answer;
  const [first] = response.responses;
  const there = first?.type === 'Range' ? first.kvs[0] : undefined;
  return { ok: true, revision, response: there?.createRevision ?? revision };
}

/** Waits for the head of the queue; null: it is there. */
async function headOfQueue(client: KvClient, options: ClaimOptions, mine: KvClaim): Promise<KvError | null> {
  const { session, name, signal } = options;
  const over = new LinkedController(session.lost, ...(signal ? [signal] : []));
  try {
    return await predecessorsGone(client, name, mine, over.signal);
  } finally {
    over.abort();
  }
}

/** Waits for the one just before to go, until there is none: then nobody is woken in vain. */
async function predecessorsGone(
  client: KvClient,
  name: Bytes,
  { token }: KvClaim,
  signal: AbortSignal,
): Promise<KvError | null> {
  while (!signal.aborted) {
    const answer = await client.range({
      ...prefixRange(`${name}/`),
      maxCreateRevision: token - 1,
      sortTarget: 'create',
      sortOrder: 'descend',
      limit: 1,
      keysOnly: true,
    });
    if (!answer.ok) return answer.error;
    const [before] = answer.response.kvs;
    if (!before) return null;
    await deletionOf(client, before, answer.revision + 1, signal);
  }
  return { code: 'stopped', message: reasonOf(signal) };
}

/** Resolves when the key is deleted, or when that cannot be watched (any more). */
async function deletionOf(
  client: KvClient,
  { key }: KeyValue,
  startRevision: number,
  signal: AbortSignal,
): Promise<void> {
  for await (const item of watchKeys(client.parts, { key, startRevision, noPut: true }, { signal })) {
    if ('error' in item || item.events.length > 0) return;
  }
}

/** The session may have ended in the store before it noticed itself. */
async function stillMine(client: KvClient, { key, token }: KvClaim): Promise<KvError | null> {
  const answer = await client.range({ key, keysOnly: true });
  if (!answer.ok) return answer.error;
  return answer.response.kvs[0]?.createRevision === token ? null : { code: 'lease-not-found' };
}

function reasonOf({ reason }: AbortSignal): string {
  return reason instanceof Error ? reason.message : 'it was given up';
}
