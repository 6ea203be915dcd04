import type { KvCommand, KvError, KvResult, LeaseId } from '../../shared/domain/kv.ts';
import type { StoreView } from './store/store.ts';

/** A running store of the cluster: `flotilla kv serve`. */
export interface KvMember {
  /** uint64 in decimal, made of the store's name. */
  id: string;
  name: string;
  /** Where clients reach its etcd API: `http://10.0.0.1:2379`. */
  clientUrls: string[];
}

export interface KvStatus {
  /** uint64 in decimal, made of the cluster's id; the same at every store of the cluster. */
  clusterId: string;
  member: KvMember;
  /** The member that leads, as far as this store knows; '0': none. */
  leaderId: string;
  /** The leader's epoch; etcd's raft term. */
  term: number;
  /** Sequence on the log that the store reflects; etcd's raft index. */
  appliedSeq: number;
}

/**
 * One replica of the store as both its faces (`nats/`, `etcd/`) use it, wherever the leader is: writes are forwarded to
 * it, reads come from the replica's own store after the leader has said how far it must be.
 */
export interface KvService {
  /** This replica. What is read from it without {@link readBarrier} is consistent, but may be old. */
  readonly store: StoreView;
  readonly status: KvStatus;

  /**
   * Executes a command at the leader. Resolves when it is durable and this replica has it too. A refusal is a value;
   * `timeout` and `leader-changed` say that the outcome is not known.
   * @param id a retry with the same one is answered, not repeated.
   */
  execute(command: KvCommand, options?: { id?: string }): Promise<KvResult>;

  /** Null once {@link store} holds everything that was acknowledged to anybody before the call; else why that cannot be said. */
  readBarrier(): Promise<KvError | null>;

  /** Gives the lease its whole TTL again. `ttlS` 0: there is no such lease. */
  renewLease(lease: LeaseId): Promise<{ ttlS: number } | KvError>;
  /** Seconds that the lease has left, −1: there is no such lease. */
  remainingTtl(lease: LeaseId): Promise<{ ttlS: number } | KvError>;

  members(): KvMember[];
  /** Resolves with null when `member` leads. */
  moveLeader(member: string): Promise<KvError | null>;

  /** Calls `listener` whenever it changes whether anybody leads, as far as this replica knows; returns what takes it off. */
  onLeader(listener: (known: boolean) => void): () => void;
}
