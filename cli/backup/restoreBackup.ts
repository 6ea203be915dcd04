import type { NatsLink } from '../../shared/bus/natsConnection.ts';
import type { LogRecord } from '../../shared/log/eventLog.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { refuseUsedCluster, restoreStream, type StreamRestore } from '../../shared/log/jetStreamRestore.ts';
import { createJetStreamSnapshots } from '../../shared/log/jetStreamSnapshots.ts';
import { encodeCommit, hashCommit } from '../../shared/protocol/commit.ts';
import { streams, subjects } from '../../shared/protocol/subjects.ts';
import { schemaVersion } from '../../shared/protocol/upcasts.ts';
import { BackupDamagedError, type Entry } from './entries.ts';
import { HistoryCheck } from './historyCheck.ts';
import { readBackup } from './readBackup.ts';

export interface RestoreOptions {
  link: NatsLink;
  path: string;
  replicas?: number | undefined;
  /** How many sequences to leave behind for what was lost. */
  skip: number;
  at: number;
  ids: () => string;
  onProgress: (what: string) => void;
}

/** Epochs of leaders that the backup knows nothing of are below the next multiple of this. */
const epochStep = 1_000_000_000;

/** Reads the whole file before anything is written. @throws {BackupDamagedError} */
export async function checkBackup(path: string, onProgress: (what: string) => void): Promise<HistoryCheck> {
  const check = new HistoryCheck();
  for await (const { entry, data } of readBackup(path)) {
    check.take(entry, data);
    if (check.records % 5_000 === 0) onProgress(`checking: ${check.records} commits`);
  }
  return check;
}

/**
 * Brings a history to a cluster that has none. All of it becomes writable at the end, when it has been read back.
 * @throws {BackupDamagedError} nothing was written.
 * @throws {NotFreshError} there is a history already.
 */
export async function restoreBackup(options: RestoreOptions): Promise<HistoryCheck> {
  const { link, path, onProgress } = options;
  const check = await checkBackup(path, onProgress);
  await refuseUsedCluster(link);
  const made: StreamRestore[] = [];
  let log: StreamRestore | null = null;
  let current: StreamRestore | null = null;
  let written = 0;
  for await (const { entry, data } of readBackup(path)) {
    switch (entry.kind) {
      case 'stream': {
        current = await restoreStream(link, entry.stream, { first: entry.first, replicas: options.replicas });
        made.push(current);
        if (entry.stream === streams.log) log = current;
        break;
      }
      case 'record':
        await current?.write({ ...entry, data });
        if (++written % 500 === 0) onProgress(`restoring: ${written} of ${check.records} commits`);
        break;
      case 'end':
        made.push(await restoreFence(options, entry.fence));
        break;
    }
  }
  for (const stream of made) await stream.flush();
  await restoreSnapshot(options);
  await readBack(options, check);
  if (log) await leaveRoom(options, log, check);
  // Only now may anybody write; the log of the cluster last, which everybody looks at first.
  for (const stream of made.reverse()) await stream.open();
  return check;
}

/** The next leader's epoch is above all that there ever were, whatever the backup missed. */
async function restoreFence({ link, replicas }: RestoreOptions, last: number): Promise<StreamRestore> {
  const first = (Math.floor(last / epochStep) + 1) * epochStep;
  return restoreStream(link, streams.fence, { first, replicas });
}

async function restoreSnapshot({ link, path, replicas }: RestoreOptions): Promise<void> {
  let snapshot: Extract<Entry, { kind: 'snapshot' }> | null = null;
  for await (const { entry } of readBackup(path)) if (entry.kind === 'snapshot') snapshot = entry;
  if (snapshot === null) return;
  const reasons: string[] = [];
  const copies = replicas === undefined ? {} : { replicas };
  const store = createJetStreamSnapshots(link, { ...copies, onPassedOver: (_, reason) => reasons.push(reason) });
  await store.save(snapshot.name, snapshot.meta, partsIn(path));
  if ((await store.latest(snapshot.name)) !== null) return;
  throw new BackupDamagedError(`the store's snapshot cannot be read back: ${reasons.join('; ')}`);
}

async function* partsIn(path: string): AsyncGenerator<Uint8Array> {
  for await (const { entry, data } of readBackup(path)) if (entry.kind === 'part') yield data;
}

/** What is there now is what stands in the file, message by message. */
async function readBack({ link, path, onProgress }: RestoreOptions, { records }: HistoryCheck): Promise<void> {
  let over = new AbortController();
  let found: AsyncIterator<LogRecord> | undefined;
  let read = 0;
  try {
    for await (const { entry, data } of readBackup(path)) {
      if (entry.kind === 'stream') {
        over.abort();
        over = new AbortController();
        const log = await createJetStreamLog(link, { stream: entry.stream });
        const { last } = await log.bounds();
        if (last !== entry.last) throw unlike(`${entry.stream} ends at sequence ${last}, and not at ${entry.last}`);
        found = log.tail({ fromSeq: entry.first, signal: over.signal })[Symbol.asyncIterator]();
      }
      if (entry.kind !== 'record') continue;
      const there = (await found?.next())?.value;
      if (!isSame(there, { ...entry, data }))
        throw unlike(`sequence ${entry.seq} of ${entry.stream} is another message`);
      if (++read % 5_000 === 0) onProgress(`reading back: ${read} of ${records} commits`);
    }
  } finally {
    over.abort();
  }
}

function isSame(one: LogRecord | undefined, other: LogRecord): boolean {
  if (one?.seq !== other.seq || one.subject !== other.subject || one.id !== other.id) return false;
  return Buffer.compare(one.data, other.data) === 0;
}

function unlike(what: string): BackupDamagedError {
  return new BackupDamagedError(`what was restored is not what the backup has: ${what}; do not use it`);
}

/**
 * Nodes remember the sequences of what they were told last, and take nothing older. So commits without events take the
 * places of what was lost.
 */
async function leaveRoom(
  options: RestoreOptions,
  log: StreamRestore,
  { projection, about }: HistoryCheck,
): Promise<void> {
  const { skip, at, ids, onProgress } = options;
  const subject = subjects.clusterLog;
  let prev = projection.head(subject).hash;
  const cause = `restore of the backup of ${new Date(about.at).toISOString()}`;
  for (let seq = projection.seq + 1; seq <= projection.seq + skip; seq++) {
    const id = ids();
    const data = encodeCommit({ v: schemaVersion, id, at, by: 'restore', cause, prev, events: [] });
    await log.write({ seq, subject, id, data });
    prev = hashCommit(data);
    if (seq % 500 === 0) onProgress(`leaving room for what was lost: ${seq - projection.seq} of ${skip}`);
  }
  await log.flush();
}
