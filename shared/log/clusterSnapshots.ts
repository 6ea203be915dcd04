import type { EventLog } from './eventLog.ts';
import { Projection } from './projection.ts';
import type { SnapshotStore } from './snapshots.ts';

export interface SnapshotDeps {
  snapshots: SnapshotStore;
  log: EventLog;
  onError: (error: unknown) => void;
  /** A snapshot is made after so many sequences. Default: about a second of replaying. */
  sequencesPerSnapshot?: number;
}

const snapshotName = 'cluster';
const defaultSequencesPerSnapshot = 20_000;

/**
 * The newest snapshot as a projection; an empty one where there is none that can be used: the log has everything. A
 * snapshot that is ahead of the log is of another log.
 */
export async function loadProjection({ snapshots, log, onError }: SnapshotDeps): Promise<Projection> {
  try {
    const snapshot = await snapshots.latest(snapshotName);
    const projection = snapshot && Projection.restore(Buffer.concat(snapshot.parts));
    if (projection && projection.seq <= (await log.bounds()).last) return projection;
  } catch (error) {
    onError(error);
  }
  return new Projection();
}

/**
 * Saves a snapshot whenever the log passes a multiple of `sequencesPerSnapshot`, whoever leads then. Returns what ends it.
 */
export function saveSnapshots(deps: SnapshotDeps, projection: Projection): () => void {
  const { snapshots, onError, sequencesPerSnapshot = defaultSequencesPerSnapshot } = deps;
  const passed = (seq: number) => Math.floor(seq / sequencesPerSnapshot);
  let last = passed(projection.seq);
  return projection.onCommit((_commit, seq) => {
    if (passed(seq) === last) return;
    last = passed(seq);
    snapshots.save(snapshotName, { seq: String(seq) }, [projection.snapshot()]).catch(onError);
  });
}
