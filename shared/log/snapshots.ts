/**
 * The port to where leaders keep snapshots of what they folded from the log. `jetStreamSnapshots.ts` is the real one,
 * `memorySnapshots.ts` its twin; `snapshots.contract.ts` runs on both. A snapshot only saves time: whoever finds
 * none, or a damaged one, folds the log from its beginning.
 */
export interface SnapshotStore {
  /**
   * Keeps `data` as the latest snapshot of that name, in place of the one before. `meta` is what says how it was made.
   * @throws {SnapshotStoreError} it could not be kept; the one before still is.
   */
  save(name: string, meta: SnapshotMeta, data: Uint8Array): Promise<void>;

  /** The latest snapshot of that name, or null. One that is damaged, or cannot be read, counts as none. */
  latest(name: string): Promise<{ meta: SnapshotMeta; data: Uint8Array } | null>;
}

export type SnapshotMeta = Record<string, string>;

/** Told of each snapshot that {@link SnapshotStore.latest} passes over: which one, and why. */
export type OnPassedOver = (name: string, reason: string) => void;

export class SnapshotStoreError extends Error {
  override readonly name = 'SnapshotStoreError';
}
