import type { NatsLink } from '../../shared/bus/natsConnection.ts';
import { readHistory } from '../../shared/log/history.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { createJetStreamSnapshots } from '../../shared/log/jetStreamSnapshots.ts';
import { hashState } from '../../shared/protocol/stateHash.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { version } from '../../shared/version.ts';
import type { Entry } from './entries.ts';
import { HistoryCheck } from './historyCheck.ts';
import { type WriteEntry, writeBackup } from './writeBackup.ts';

export interface BackupOptions {
  link: NatsLink;
  path: string;
  /** ms since 1970. */
  at: number;
  onProgress: (records: number) => void;
}

/**
 * Writes the history up to where it ends now, while the cluster goes on. Everything is checked on its way; what comes out
 * of order is not written down as a backup.
 */
export async function takeBackup({ link, path, at, onProgress }: BackupOptions): Promise<HistoryCheck> {
  const check = new HistoryCheck();
  await writeBackup(path, async (toFile) => {
    const write: WriteEntry = async (entry, data) => {
      check.take(entry, data ?? new Uint8Array());
      await toFile(entry, data);
      if (check.records % 500 === 0) onProgress(check.records);
    };
    const fence = await createJetStreamLog(link, { stream: streams.fence });
    await write({ kind: 'about', version, at, from: link.address });
    await writeStream(link, streams.log, write);
    // Before its log, which forgets only what an earlier snapshot has.
    await writeSnapshot(link, write);
    await writeStream(link, streams.kv, write);
    const { seq, state } = check.projection;
    const end: Entry = {
      kind: 'end',
      records: check.records,
      state: { seq, hash: hashState(state) },
      fence: (await fence.bounds()).last,
    };
    await write(end);
  });
  return check;
}

async function writeStream(link: NatsLink, stream: string, write: WriteEntry): Promise<void> {
  const log = await createJetStreamLog(link, { stream });
  const { first, last } = await log.bounds();
  await write({ kind: 'stream', stream, first, last });
  if (first > last) return;
  for await (const { seq, subject, id, data } of readHistory(log, { since: { seq: first } })) {
    await write({ kind: 'record', stream, seq, subject, id }, data);
    // The log may have grown since.
    if (seq === last) return;
  }
}

const snapshotName = 'kv';

async function writeSnapshot(link: NatsLink, write: WriteEntry): Promise<void> {
  const reasons: string[] = [];
  const store = createJetStreamSnapshots(link, { onPassedOver: (_, reason) => reasons.push(reason) });
  const snapshot = await store.latest(snapshotName);
  if (snapshot === null) return;
  await write({ kind: 'snapshot', name: snapshotName, meta: snapshot.meta });
  for (const part of snapshot.parts) await write({ kind: 'part', name: snapshotName }, part);
}
