import { evolveCommit } from '../domain/cluster.ts';
import { type ClusterState, initialState } from '../domain/clusterState.ts';
import { restoreState, serializeState } from '../domain/serializeState.ts';
import { type Commit, decodeCommit, genesis, hashCommit } from '../protocol/commit.ts';
import { CorruptCommitError, NewerSchemaError, schemaVersion } from '../protocol/upcasts.ts';
import type { LogRecord } from './eventLog.ts';

/** Where a subject ends: the sequence of its last commit and the hash that the next one names as `prev`. */
export interface Head {
  seq: number;
  hash: string;
}

/** The state before any commit. */
export const emptyHead: Head = { seq: 0, hash: genesis };

/**
 * The fold of the `FLOTILLA` stream up to {@link Projection.seq}. Every record goes through {@link apply}, in log order;
 * nothing else changes it. The hash chain of each subject is checked on the way.
 */
export class Projection {
  readonly state: ClusterState;
  #seq: number;
  readonly #heads: Map<string, Head>;
  readonly #waiters = new Set<{ seq: number; resolve: () => void }>();
  readonly #listeners = new Set<(commit: Commit, seq: number) => void>();

  constructor(state = initialState(), seq = 0, heads = new Map<string, Head>()) {
    this.state = state;
    this.#seq = seq;
    this.#heads = heads;
  }

  /** The last sequence that is in the state. */
  get seq(): number {
    return this.#seq;
  }

  head(subject: string): Head {
    return this.#heads.get(subject) ?? emptyHead;
  }

  /**
   * Folds one record.
   * @throws {BrokenChainError} its `prev` is not the hash of the commit before it on that subject: history was changed.
   * @throws {CorruptCommitError | NewerSchemaError} it cannot be read.
   * After either, this projection is of no use any more.
   */
  apply(record: LogRecord): Commit {
    const commit = readable(record, () => decodeCommit(record.data));
    if (commit.prev !== this.head(record.subject).hash) throw new BrokenChainError(record, this.head(record.subject));
    readable(record, () => evolveCommit(this.state, commit, record.seq));
    this.#heads.set(record.subject, { seq: record.seq, hash: hashCommit(record.data) });
    this.#seq = record.seq;
    for (const listener of this.#listeners) listener(commit, record.seq);
    this.#release();
    return commit;
  }

  /** Resolves once `seq` is in the state, or `signal` aborts: look at {@link seq} then. Never rejects. */
  reached(seq: number, signal?: AbortSignal): Promise<void> {
    if (this.#seq >= seq || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const waiter = { seq, resolve: done };
      const waiters = this.#waiters;
      function done() {
        waiters.delete(waiter);
        signal?.removeEventListener('abort', done);
        resolve();
      }
      waiters.add(waiter);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /** Calls `listener` after each commit that was folded; returns what takes it off again. */
  onCommit(listener: (commit: Commit, seq: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The whole projection as bytes, to go on from later: {@link Projection.restore}. */
  snapshot(): Uint8Array {
    const heads = [...this.#heads];
    const content = { v: schemaVersion, seq: this.#seq, heads, state: serializeState(this.state) };
    return new TextEncoder().encode(JSON.stringify(content));
  }

  /** Null when it was written by another version: then the log is folded from its beginning. */
  static restore(data: Uint8Array): Projection | null {
    const { v, seq, heads, state } = JSON.parse(new TextDecoder().decode(data));
    return v === schemaVersion ? new Projection(restoreState(state), seq, new Map(heads)) : null;
  }

  #release(): void {
    for (const waiter of this.#waiters) {
      if (waiter.seq <= this.#seq) waiter.resolve();
    }
  }
}

/** What cannot be read or folded is said to be corrupt, and where. */
function readable<T>({ subject, seq }: LogRecord, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof NewerSchemaError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CorruptCommitError(`the log cannot be read at sequence ${seq} of ${subject}: ${why}`, { cause });
  }
}

/** A commit does not continue the history before it. */
export class BrokenChainError extends Error {
  override readonly name = 'BrokenChainError';
  constructor(record: LogRecord, head: Head) {
    super(
      `the history of ${record.subject} is broken at sequence ${record.seq}: its "prev" is not the hash of the commit ` +
        `at sequence ${head.seq}. Something other than Flotilla wrote to the log, or it was changed`,
    );
  }
}
