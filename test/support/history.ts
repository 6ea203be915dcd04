import type { EventLog } from '../../shared/log/eventLog.ts';
import { type Commit, decodeCommit } from '../../shared/protocol/commit.ts';

/** Everything that is on the log now. */
export async function readCommits(log: EventLog): Promise<Commit[]> {
  const done = new AbortController();
  const commits: Commit[] = [];
  for await (const record of log.tail({ fromSeq: 1, signal: done.signal, onIdle: () => done.abort() })) {
    commits.push(decodeCommit(record.data));
  }
  return commits;
}
