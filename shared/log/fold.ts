import { freeze } from '../domain/freeze.ts';
import { type Commit, decodeCommit, genesis, hashCommit } from '../protocol/commit.ts';
import { CorruptCommitError, NewerSchemaError } from '../protocol/upcasts.ts';
import type { LogRecord } from './eventLog.ts';

/** Where a subject ends: the sequence of its last commit and the hash that the next one names as `prev`. */
export interface Head {
  seq: number;
  hash: string;
}

interface Reading<E> {
  commit: Commit<E>;
  hash: string;
}

/** The state before any commit. */
export const emptyHead: Head = { seq: 0, hash: genesis };

/**
 * The fold of one stream up to {@link Fold.seq}: every commit goes through `evolve`, in log order; nothing else changes
 * what is folded. The hash chain of each subject is checked on the way.
 */
export abstract class Fold<E> {
  #seq: number;
  readonly #heads: Map<string, Head>;
  readonly #waiters = new Set<{ seq: number; resolve: () => void }>();
  readonly #listeners = new Set<(commit: Commit<E>, seq: number) => void>();

  constructor(seq = 0, heads = new Map<string, Head>()) {
    this.#seq = seq;
    this.#heads = heads;
  }

  /** Makes the commit's events true. What it throws means that the commit is corrupt. */
  protected abstract evolve(commit: Commit<E>, seq: number): void;

  /** A commit as it was stored. What it throws means that the commit is corrupt. */
  protected decode(data: Uint8Array): Commit<E> {
    return decodeCommit<E>(data);
  }

  /** The last sequence that is in the state. */
  get seq(): number {
    return this.#seq;
  }

  head(subject: string): Head {
    return this.#heads.get(subject) ?? emptyHead;
  }

  /** Of all subjects that were written on. */
  protected get heads(): ReadonlyMap<string, Head> {
    return this.#heads;
  }

  /**
   * Folds one record.
   * @throws {BrokenChainError} its `prev` is not the hash of the commit before it on that subject: history was changed.
   * @throws {CorruptCommitError | NewerSchemaError} it cannot be read.
   * After either, this fold is of no use any more.
   */
  apply(record: LogRecord): Commit<E> {
    const { commit, hash } = this.#reading(record);
    this.fold(commit, record, hash);
    return commit;
  }

  /** What others get too is frozen: a fold that changed it would change theirs. */
  #reading(record: LogRecord): Reading<E> {
    const { shared, data } = record;
    if (shared?.reading) return shared.reading as Reading<E>;
    const reading = { commit: readable(record, () => this.decode(data)), hash: hashCommit(data) };
    if (shared) shared.reading = freeze(reading);
    return reading;
  }

  /**
   * The same for a commit that need not be read back, as the one who appended it still has it.
   * @param hash of the commit as it was stored.
   */
  fold(commit: Commit<E>, at: { seq: number; subject: string }, hash: string): void {
    const { seq, subject } = at;
    if (commit.prev !== this.head(subject).hash) throw new BrokenChainError(at, this.head(subject));
    readable(at, () => this.evolve(commit, seq));
    this.#heads.set(subject, { seq, hash });
    this.#seq = seq;
    for (const listener of this.#listeners) listener(commit, seq);
    this.#release();
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
  onCommit(listener: (commit: Commit<E>, seq: number) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #release(): void {
    for (const waiter of this.#waiters) {
      if (waiter.seq <= this.#seq) waiter.resolve();
    }
  }
}

/** What cannot be read or folded is said to be corrupt, and where. */
function readable<T>({ subject, seq }: { subject: string; seq: number }, read: () => T): T {
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
  constructor({ subject, seq }: { subject: string; seq: number }, head: Head) {
    super(
      `the history of ${subject} is broken at sequence ${seq}: its "prev" is not the hash of the commit ` +
        `at sequence ${head.seq}. Something other than Flotilla wrote to the log, or it was changed`,
    );
  }
}
