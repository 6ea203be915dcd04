/** Reading the log as a history: from a point on, or up to one. */
import { decodeCommit } from '../protocol/commit.ts';
import type { HistoryPoint } from '../protocol/queries.ts';
import type { EventLog, LogRecord } from './eventLog.ts';
import { Projection } from './projection.ts';

/** Whether the log is read to where it ends now, or for ever. */
export interface ReadOptions {
  since?: HistoryPoint;
  follow?: boolean;
}

/**
 * What is on the log from a moment on, in its order. A time means each commit's own: writers' clocks may differ a
 * little.
 * @throws {LogUnavailableError} there is no log, or it cannot be read.
 */
export async function* readHistory(
  log: EventLog,
  { since = { seq: 1 }, follow = false }: ReadOptions,
): AsyncGenerator<LogRecord, void, undefined> {
  // A tail would wait for a log that is not there yet.
  const { last } = await log.bounds();
  const fromSeq = 'seq' in since ? Math.max(1, since.seq) : 1;
  if (fromSeq > last && !follow) return;
  const over = new AbortController();
  try {
    for await (const record of log.tail({ fromSeq: Math.min(fromSeq, last + 1), signal: over.signal })) {
      if (record.seq >= fromSeq && isSince(record, since)) yield record;
      if (!follow && record.seq >= last) return;
    }
  } finally {
    over.abort();
  }
}

function isSince({ data }: LogRecord, since: HistoryPoint): boolean {
  return 'seq' in since || decodeCommit(data).at >= since.at;
}

export interface Folded {
  projection: Projection;
  commits: number;
  events: number;
}

/**
 * The state as of a sequence, or as of a time: then before the first commit that is later.
 * @param onCommit called after each commit.
 * @throws {BrokenChainError | CorruptCommitError | NewerSchemaError} the history is damaged.
 */
export async function foldUntil(
  log: EventLog,
  until: HistoryPoint,
  onCommit: (folded: Folded) => void = () => undefined,
): Promise<Folded> {
  const folded: Folded = { projection: new Projection(), commits: 0, events: 0 };
  for await (const record of readHistory(log, {})) {
    if ('seq' in until ? record.seq > until.seq : decodeCommit(record.data).at > until.at) break;
    folded.events += folded.projection.apply(record).events.length;
    folded.commits += 1;
    onCommit(folded);
    if ('seq' in until && record.seq === until.seq) break;
  }
  return folded;
}
