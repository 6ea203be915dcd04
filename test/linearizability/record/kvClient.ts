/** What the recorded clients need of a store, whichever of its faces they use. */
import type { TxnInput, TxnOutput } from '../models/transactions.ts';
import type { Change } from '../watch.ts';

export type Answer<Output> =
  | { kind: 'done'; output: Output }
  /** It was not done, and will not be. */
  | { kind: 'refused'; why: string }
  /** It may have been done, or will be. */
  | { kind: 'unknown'; why: string };

export interface KvClient {
  /** Of the store that it talks to. */
  readonly name: string;
  /** Never rejects. */
  txn(input: TxnInput): Promise<Answer<TxnOutput>>;
  /** Watches all keys that begin with `prefix`; returns what ends it. */
  watch(watch: WatchOptions): () => void;
  close(): Promise<void>;
}

export interface WatchOptions {
  prefix: string;
  startRevision: number;
  onMessage(changes: Change[]): void;
  /** Called once, unless it was ended from here. Whoever wants more goes on from the next revision. */
  onEnd(why: string): void;
}

/** A lock of the store, held for a lease. */
export interface LockClient {
  grantLease(ttlS: number): Promise<Answer<string>>;
  /** Waits until it has it. `token`: the fencing token. */
  acquire(name: string, lease: string): Promise<Answer<{ key: string; token: number }>>;
  release(key: string): Promise<Answer<null>>;
}
