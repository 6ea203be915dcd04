/**
 * The key/value store's own protocol over NATS: commands (`flotilla.cmd.kv`) and queries (`flotilla.query.kv`), in JSON.
 * Keys and values are {@link Bytes}: one char a byte. Watches have a protocol of their own: `kvWatch.ts`.
 */
import type {
  AlarmKind,
  KeyValue,
  KvCommand,
  KvError,
  KvErrorCode,
  KvResult,
  LeaseId,
  RangeRequest,
  ResponseOp,
  TxnRequest,
} from '../domain/kv.ts';

/** Commands that are written to the log together and executed in their order, each by itself: one may be refused alone. */
export interface KvBatch {
  /** nanoid. A retry carries the same one, and is answered instead of repeated. */
  id: string;
  /** Who asks: `user@host`. */
  by?: string;
  /** Keys and values are as `kvPacking.ts` has them. */
  packed?: boolean;
  /** A `LeaseGrant` of {@link noLease} leaves the choice of its id to the leader. */
  commands: KvCommand[];
}

/** The results in the order of the commands, once all are durable; `seq`: where they stand on the log. */
export type KvBatchReply = { ok: true; seq: number; results: KvResult[] } | { ok: false; error: KvError };

/** The most commands in one batch. */
export const mostBatched = 4_096;

export type KvQuery =
  /** `skip`: of an answer that was cut, how many of its keys have been given already. */
  | ({ type: 'range'; skip?: number } & Reading & RangeRequest)
  /** A transaction that writes nothing, whichever branch it takes. */
  | ({ type: 'txn' } & Reading & TxnRequest)
  | { type: 'lease'; lease: LeaseId }
  | { type: 'leases' }
  /** Gives a lease its whole TTL again. */
  | { type: 'renew'; lease: LeaseId }
  | { type: 'status' }
  | { type: 'members' }
  /** Of all that is kept up to `revision`; 0: now. */
  | { type: 'hash'; revision: number };

interface Reading {
  /** Answer from what the asked store has, which may be old. */
  serializable?: boolean;
  /** Who reads, where authentication is on. */
  user?: string;
}

export interface KvAnswers {
  /** `cut`: the answer was too long for one message; the rest is had with `skip`, at the same revision. */
  range: { kvs: KeyValue[]; count: number; more: boolean; cut?: boolean };
  txn: { succeeded: boolean; responses: ResponseOp[] };
  /** Seconds; `leftS` −1 and no keys: there is no such lease. */
  lease: { leftS: number; ttlS: number; keys: string[] };
  leases: { leases: { lease: LeaseId; ttlS: number }[] };
  /** 0: there is no such lease. */
  renew: { ttlS: number };
  status: KvStoreStatus;
  members: { members: KvMemberView[] };
  hash: { hash: number; compactRevision: number };
}

export interface KvMemberView {
  id: string;
  name: string;
  clientUrls: string[];
}

export interface KvStoreStatus {
  clusterId: string;
  member: KvMemberView;
  /** '0': none leads. */
  leaderId: string;
  term: number;
  /** Sequence on the log. */
  appliedSeq: number;
  compactRevision: number;
  sizeBytes: number;
  sizeInUseBytes: number;
  alarms: { alarm: AlarmKind; member: string }[];
}

export type KvQueryReply<T extends KvQuery['type'] = KvQuery['type']> =
  /** `revision`: of the store that answers. */
  { ok: true; revision: number; data: KvAnswers[T] } | { ok: false; error: KvError };

const doubtful: readonly KvErrorCode[] = ['leader-changed', 'timeout', 'stopped', 'answer-too-large'];
const passing: readonly KvErrorCode[] = ['no-leader', 'not-leader', 'leader-changed', 'timeout', 'stopped'];

/** Whether the request may have been executed, or will be, although this is the answer. */
export function isDoubtful({ code }: KvError): boolean {
  return doubtful.includes(code);
}

/** Whether the same request may well be answered a moment later, perhaps by another store. */
export function isPassing({ code }: KvError): boolean {
  return passing.includes(code);
}
