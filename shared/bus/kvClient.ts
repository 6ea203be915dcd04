import type {
  Bytes,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KvCommand,
  KvError,
  KvErrorCode,
  KvResponse,
  KvResult,
  LeaseId,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../domain/kv.ts';
import { decodeJson, encodeJson } from '../protocol/json.ts';
import {
  isDoubtful,
  isPassing,
  type KvAnswers,
  type KvBatch,
  type KvBatchReply,
  type KvQuery,
  type KvQueryReply,
} from '../protocol/kv.ts';
import { subjects } from '../protocol/subjects.ts';
import { type Attempt, askPatiently, type Patience } from './askPatiently.ts';
import type { KvStreamParts } from './kvStream.ts';

/** What came of a request, and the store's revision then. Refusals are answers. */
export type KvAnswer<T> = { ok: true; revision: number; response: T } | { ok: false; error: KvError };

export interface KvClientParts extends KvStreamParts {
  /** `user@host`. */
  by: string;
  /** How long a store that answers may be missing, ms: a new leader takes seconds. */
  patienceMs?: number;
  onRetry?: (reason: string) => void;
}

export interface ReadOptions {
  /** Content with what the asked store has, which may be old. */
  serializable?: boolean;
}

const defaultPatienceMs = 15_000;
const attemptMs = 1_000;

/**
 * The key/value store over NATS. What is asked is asked again, under the same id, while no store leads: it is done once.
 * Every method throws {@link NoLeaderError} when nobody answered for as long as the client's patience.
 */
export class KvClient {
  readonly parts: KvClientParts;

  constructor(parts: KvClientParts) {
    this.parts = parts;
  }

  /** Many commands in one message, each with its own result. */
  async batch(commands: KvCommand[], signal?: AbortSignal): Promise<KvResult[] | KvError> {
    const { ids, by } = this.parts;
    const data = encodeJson({ id: ids(), by, commands } satisfies KvBatch);
    const reply = await this.#ask<KvBatchReply>(subjects.kvCommands, data, signal);
    return reply.ok ? reply.results : reply.error;
  }

  put(key: Bytes, value: Bytes, options: Omit<PutRequest, 'key' | 'value'> = {}): Promise<KvAnswer<PutResponse>> {
    return this.#execute({ type: 'Put', key, value, ...options });
  }

  delete(request: DeleteRangeRequest): Promise<KvAnswer<DeleteRangeResponse>> {
    return this.#execute({ type: 'DeleteRange', ...request });
  }

  txn(request: TxnRequest, signal?: AbortSignal): Promise<KvAnswer<TxnResponse>> {
    return this.#execute({ type: 'Txn', ...request }, signal);
  }

  /** Forgets what was before that revision. */
  compact(revision: number): Promise<KvAnswer<object>> {
    return this.#execute({ type: 'Compact', revision });
  }

  /** The store chooses the id unless one is given, and may make the TTL longer. */
  grant(ttlS: number, lease: LeaseId = '0'): Promise<KvAnswer<{ lease: LeaseId; ttlS: number }>> {
    return this.#execute({ type: 'LeaseGrant', lease, ttlS });
  }

  /** The keys of the lease are deleted with it. */
  revoke(lease: LeaseId): Promise<KvAnswer<object>> {
    return this.#execute({ type: 'LeaseRevoke', lease });
  }

  /** A transaction that writes nothing, whichever branch it takes: no store has to write it down. */
  read(request: TxnRequest, options: ReadOptions = {}): Promise<KvAnswer<TxnResponse>> {
    return this.#query({ type: 'txn', ...request, ...options });
  }

  /** Also an answer that is too long for one message comes whole. */
  async range(request: RangeRequest, options: ReadOptions & { signal?: AbortSignal } = {}): Promise<KvRange> {
    const { signal, ...reading } = options;
    const answer = await this.#query({ type: 'range', ...request, ...reading }, signal);
    if (!answer.ok) return answer;
    const { kvs } = answer.response;
    const { revision = 0 } = request;
    const pinned = { ...request, revision: revision > 0 ? revision : answer.revision };
    for (let { cut } = answer.response; cut; ) {
      const rest = await this.#query({ type: 'range', ...pinned, skip: kvs.length }, signal);
      if (!rest.ok) return rest;
      kvs.push(...rest.response.kvs);
      cut = rest.response.cut;
    }
    return whole(answer.revision, answer.response);
  }

  /** Gives the lease its whole TTL again; `ttlS` 0: there is no such lease. */
  renew(lease: LeaseId, signal?: AbortSignal): Promise<KvAnswer<{ ttlS: number }>> {
    return this.#query({ type: 'renew', lease }, signal);
  }

  lease(lease: LeaseId): Promise<KvAnswer<KvAnswers['lease']>> {
    return this.#query({ type: 'lease', lease });
  }

  leases(): Promise<KvAnswer<KvAnswers['leases']>> {
    return this.#query({ type: 'leases' });
  }

  /** Of one of the stores. */
  status(): Promise<KvAnswer<KvAnswers['status']>> {
    return this.#query({ type: 'status' });
  }

  members(signal?: AbortSignal): Promise<KvAnswer<KvAnswers['members']>> {
    return this.#query({ type: 'members' }, signal);
  }

  hash(revision = 0): Promise<KvAnswer<KvAnswers['hash']>> {
    return this.#query({ type: 'hash', revision });
  }

  /** The response of a command is of the kind that the command asks for. */
  async #execute<T extends object>(command: KvCommand, signal?: AbortSignal): Promise<KvAnswer<T>> {
    const results = await this.batch([command], signal);
    if ('code' in results) return { ok: false, error: results };
    const [result] = results;
    if (!result) throw new Error('the store has answered a command with no result');
    return result as Extract<KvResult, { ok: false }> | { ok: true; revision: number; response: KvResponse & T };
  }

  async #query<T extends KvQuery['type']>(
    query: KvQuery & { type: T },
    signal?: AbortSignal,
  ): Promise<KvAnswer<KvAnswers[T]>> {
    const reply = await this.#ask<KvQueryReply<T>>(subjects.kvQueries, encodeJson(query), signal);
    return reply.ok ? { ok: true, revision: reply.revision, response: reply.data } : reply;
  }

  #ask<R extends KvBatchReply | KvQueryReply>(subject: string, data: Uint8Array, signal?: AbortSignal): Promise<R> {
    const { bus, clock, onRetry, patienceMs = defaultPatienceMs } = this.parts;
    const attempt = async (timeoutMs: number): Promise<Attempt<R>> => {
      const reply = decodeJson<R>((await bus.request(subject, data, { timeoutMs })).data);
      if (reply.ok || !isPassing(reply.error)) return { value: reply };
      return { retry: describeKvError(reply.error), doubtful: isDoubtful(reply.error) };
    };
    const patience: Patience = { clock, timeoutMs: patienceMs, attemptMs, whom: 'key/value store' };
    return askPatiently(attempt, { ...patience, ...(signal ? { signal } : {}), ...(onRetry ? { onRetry } : {}) });
  }
}

export type KvRange = KvAnswer<RangeResponse>;

function whole(revision: number, { kvs, count, more }: RangeResponse): KvRange {
  return { ok: true, revision, response: { kvs, count, more } };
}

const words: Partial<Record<KvErrorCode, string>> = {
  'empty-key': 'a key is not empty',
  'key-not-found': 'there is no such key',
  'duplicate-key': 'a transaction writes a key once',
  'lease-not-found': 'there is no such lease',
  'lease-exists': 'there is such a lease already',
  'no-space': 'the store is full: compact it, delete keys, or give it a larger --quota-bytes',
  compacted: 'what was at that revision is forgotten: it is before the last compaction',
  'future-revision': 'the store has not come to that revision yet',
  'permission-denied': 'the user may not do that',
};

/** A refusal in words. */
export function describeKvError({ code, message }: KvError): string {
  return message || words[code] || code.replaceAll('-', ' ');
}
