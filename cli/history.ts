/** Reading the log from the command line. */
import type { EventLog, LogRecord } from '../shared/log/eventLog.ts';
import { decodeCommit } from '../shared/protocol/commit.ts';
import type { Moment } from './moment.ts';

/** Whether the log is read to where it ends now, or for ever. */
export interface ReadOptions {
  since?: Moment;
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

function isSince({ data }: LogRecord, since: Moment): boolean {
  return 'seq' in since || decodeCommit(data).at >= since.at;
}
