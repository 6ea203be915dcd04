/**
 * The port to where leaders keep snapshots of what they folded from the log. `jetStreamSnapshots.ts` is the real one,
 * `memorySnapshots.ts` its twin; `snapshots.contract.ts` runs on both. A snapshot only saves time: whoever finds
 * none, or a damaged one, folds the log from its beginning. Who shortens the log (`logRetention.ts`) lives by it, though.
 */
export interface SnapshotStore {
  /**
   * Keeps the parts, one after the other, as the latest snapshot of that name, in place of the one before. Each is asked
   * for when the one before it is kept. `meta` is what says how it was made.
   * @throws {SnapshotStoreError} it could not be kept, or somebody else has saved one since this began; that one is kept.
   */
  save(name: string, meta: SnapshotMeta, parts: SnapshotParts): Promise<void>;

  /** The latest snapshot of that name, in parts of any size, or null. One that is damaged, or cannot be read, counts as none. */
  latest(name: string): Promise<{ meta: SnapshotMeta; parts: readonly Uint8Array[] } | null>;
}

export type SnapshotMeta = Record<string, string>;
export type SnapshotParts = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Told of each snapshot that {@link SnapshotStore.latest} passes over: which one, and why. */
export type OnPassedOver = (name: string, reason: string) => void;

export class SnapshotStoreError extends Error {
  override readonly name = 'SnapshotStoreError';
}
