import { setImmediate as nextTurn } from 'node:timers/promises';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { SnapshotStore } from '../../shared/log/snapshots.ts';
import { KvProjection } from './projection.ts';

export interface KvSnapshotDeps {
  snapshots: SnapshotStore;
  log: EventLog;
  onError: (error: unknown) => void;
}

export const kvSnapshotName = 'kv';
/** A snapshot is made after so many commands, or more where the store is so large that making one costs more. */
const commandsPerSnapshot = 50_000;
const bytesPerCommand = 500;

/**
 * The newest snapshot as a projection; an empty one where there is none that can be used: the log has everything. A
 * snapshot that is ahead of the log is of another log.
 */
export async function loadKvProjection({ snapshots, log, onError }: KvSnapshotDeps): Promise<KvProjection> {
  try {
    const snapshot = await snapshots.latest(kvSnapshotName);
    const projection = snapshot && KvProjection.restore(snapshot.parts);
    if (projection && projection.seq <= (await log.bounds()).last) return projection;
  } catch (error) {
    onError(error);
  }
  return KvProjection.create();
}

/** Saves a snapshot now and then, until the returned function is called. One at a time, a part at each turn. */
export function saveKvSnapshots(deps: KvSnapshotDeps, projection: KvProjection): () => void {
  let commands = 0;
  let saving: Promise<void> | null = null;
  const isDue = () => commands >= Math.max(commandsPerSnapshot, projection.store.sizeBytes / bytesPerCommand);
  return projection.onCommit(({ events }) => {
    for (const event of events) if (event.type === 'KvExecuted') commands += event.commands.length;
    if (saving !== null || !isDue()) return;
    commands = 0;
    saving = saveKvSnapshot(deps, projection)
      .catch(deps.onError)
      .finally(() => {
        saving = null;
      });
  });
}

/** @throws {SnapshotStoreError} */
export async function saveKvSnapshot({ snapshots }: KvSnapshotDeps, projection: KvProjection): Promise<void> {
  // Begun here and now, so that it is of this sequence.
  const parts = projection.serialize();
  const first = parts.next();
  const seq = String(projection.seq);
  await snapshots.save(kvSnapshotName, { seq }, atLeisure(first, parts));
}

/** A part at each turn of the event loop. */
async function* atLeisure(first: IteratorResult<Uint8Array>, rest: Iterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  for (let part = first; !part.done; part = rest.next()) {
    yield part.value;
    await nextTurn();
  }
}
