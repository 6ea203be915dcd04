import type {
  AlarmKind,
  KvCommand,
  KvError,
  KvResponse,
  LeaseId,
  Permission,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
  WatchEvent,
  WatchRequest,
} from '../../../shared/domain/kv.ts';

/** What reads see of the store. Nothing here changes it. */
export interface StoreView {
  /** Of the last change; 1 where nothing was ever put. */
  readonly revision: number;
  /** Nothing older can be read any more; 0: never compacted. A read at this very revision is possible. */
  readonly compactRevision: number;
  /** Of keys and values that are kept, old revisions included; the same on every replica. */
  readonly sizeBytes: number;
  /** The same without what is only kept for history. */
  readonly sizeInUseBytes: number;
  readonly alarms: readonly { alarm: AlarmKind; member: string }[];
  readonly auth: AuthView;

  /** `user`: who reads, where authentication is on. */
  range(request: RangeRequest, user?: string): RangeResponse | KvError;
  /** A transaction that writes nothing, whichever branch it takes: {@link isReadOnly}. */
  read(txn: TxnRequest, user?: string): TxnResponse | KvError;

  /** Granted TTL in seconds and the keys, sorted; null: no such lease. */
  lease(lease: LeaseId): { ttlS: number; keys: string[] } | null;
  /** Sorted by number. */
  leases(): { lease: LeaseId; ttlS: number }[];

  /**
   * Begins a watch. Its client looks once for what was already there, and is told by `onReady` what comes: at once after a
   * command that concerns it is done, then not again before it has pulled. `onReady` may call anything, also `execute`;
   * others are told of the first command a little later then.
   */
  watch(request: WatchRequest, onReady: () => void): Watch;

  /**
   * A hash of all that is kept up to `revision` (0: now), the same on every replica that has the same compaction:
   * etcd's HashKV.
   */
  hashKv(revision: number): { hash: number; compactRevision: number } | KvError;

  /**
   * The whole store as it is now, in chunks, for {@link restoreStore}. Commands may be executed between one chunk and
   * the next without being seen. What two stores give that executed the same commands is the same, byte for byte. Until
   * the iteration is at its end, or given up, {@link Store.tidy} leaves what it still needs.
   */
  serialize(): Iterable<Uint8Array>;
}

export interface Store extends StoreView {
  /** Executes one command of the log. The same commands in the same order have the same outcomes everywhere. */
  execute(command: KvCommand): KvResponse | KvError;

  /**
   * Gives back some of the room that compactions have left, as much as is done in about a millisecond or two; true while
   * there is more that no snapshot needs. It changes nothing that anybody can read.
   */
  tidy(): boolean;
}

/** A watch takes its changes from the store's history when its client is ready for them, so a slow one costs nothing. */
export interface Watch {
  /**
   * The next changes, of whole revisions, oldest first: at least one revision's and about `maxEvents` where there are
   * more. Empty: nothing new up to `revision`. Compacted: what it was to see next is no longer there; it is over.
   */
  pull(maxEvents: number): { revision: number; events: WatchEvent[] } | { compactRevision: number };
  close(): void;
}

export interface AuthView {
  readonly enabled: boolean;
  readonly revision: number;
  /** What tokens are signed with, hex; '' where it was never enabled. */
  readonly tokenKey: string;
  /** Salted hash; null: no such user; undefined: the user has none. */
  password(user: string): string | undefined | null;
  users(): string[];
  roles(): string[];
  rolesOf(user: string): string[] | null;
  permissionsOf(role: string): Permission[] | null;
  /** May do everything. */
  isRoot(user: string): boolean;
}
