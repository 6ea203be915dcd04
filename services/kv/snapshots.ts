import type { Clock } from '../../shared/clock/clock.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { LogRetention } from '../../shared/log/logRetention.ts';
import type { SnapshotStore } from '../../shared/log/snapshots.ts';
import { KvProjection } from './projection.ts';

interface KvSnapshotDeps {
  snapshots: SnapshotStore;
  log: EventLog;
  onError: (error: unknown) => void;
}

interface KvSaveDeps extends KvSnapshotDeps {
  /** Of the log. */
  retention: LogRetention;
  clock: Pick<Clock, 'nextTurn'>;
  /** A snapshot is made after so many commands, or more where the store is so large that making one costs more. */
  commandsPerSnapshot?: number;
}

const kvSnapshotName = 'kv';
const defaultCommandsPerSnapshot = 50_000;
const bytesPerCommand = 500;

/**
 * The newest snapshot as a projection; an empty one where there is none that can be used: the log has everything, unless
 * it was shortened, which {@link LogShortenedError} tells. A snapshot that is ahead of the log is of another log.
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

/**
 * Saves a snapshot now and then, until the returned function is called: one at a time, a part at each turn. What is both
 * in a snapshot and compacted is forgotten by the log; who never compacts keeps all history.
 */
export function saveKvSnapshots(deps: KvSaveDeps, projection: KvProjection): () => void {
  const { commandsPerSnapshot = defaultCommandsPerSnapshot } = deps;
  let commands = 0;
  let saving: Promise<void> | null = null;
  let marks: Mark[] = [];
  const isDue = () => commands >= Math.max(commandsPerSnapshot, projection.store.sizeBytes / bytesPerCommand);
  return projection.onCommit(({ events }) => {
    for (const event of events) if (event.type === 'KvExecuted') commands += event.commands.length;
    if (saving !== null || !isDue()) return;
    commands = 0;
    saving = saveAndShorten(deps, projection, marks)
      .then((left) => {
        marks = left;
      })
      .catch(deps.onError)
      .finally(() => {
        saving = null;
      });
  });
}

/** Where a snapshot stands. */
interface Mark {
  seq: number;
  revision: number;
}

/** Resolves with the marks that the log still goes back beyond. */
async function saveAndShorten(deps: KvSaveDeps, projection: KvProjection, marks: readonly Mark[]): Promise<Mark[]> {
  const mark = await saveKvSnapshot(deps, projection);
  const all = [...marks, mark];
  const { compactRevision } = projection.store;
  const compacted = all.findLast(({ revision }) => revision <= compactRevision);
  if (!compacted || !(await isReadable(deps, mark))) return all;
  await deps.retention.forgetBefore(compacted.seq);
  return all.filter(({ seq }) => seq > compacted.seq);
}

/** Before anything is forgotten for it, a snapshot is read back whole; its digest is checked on the way. */
async function isReadable({ snapshots }: KvSnapshotDeps, { seq }: Mark): Promise<boolean> {
  return (await snapshots.latest(kvSnapshotName))?.meta.seq === String(seq);
}

/** @throws {SnapshotStoreError} */
async function saveKvSnapshot({ snapshots, clock }: KvSaveDeps, projection: KvProjection): Promise<Mark> {
  // Begun here and now, so that it is of this sequence.
  const parts = projection.serialize();
  const first = parts.next();
  const mark = { seq: projection.seq, revision: projection.store.revision };
  try {
    await snapshots.save(kvSnapshotName, { seq: String(mark.seq) }, atLeisure(first, parts, clock));
    return mark;
  } finally {
    parts.return(undefined);
  }
}

/** A part at each turn of the event loop. */
async function* atLeisure(
  first: IteratorResult<Uint8Array>,
  rest: Iterator<Uint8Array>,
  clock: Pick<Clock, 'nextTurn'>,
): AsyncGenerator<Uint8Array> {
  for (let part = first; !part.done; part = rest.next()) {
    yield part.value;
    await clock.nextTurn();
  }
}
