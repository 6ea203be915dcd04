import { decodeCommit, hashCommit } from '../protocol/commit.ts';
import type { EventLog } from './eventLog.ts';
import { BrokenChainError, type Head } from './fold.ts';
import { readHistory } from './history.ts';

/**
 * Reads the log from a sequence to its end, and sees that every commit continues the one before it on its subject; the
 * first that is met of each subject is taken as it is. Resolves with how many commits that were.
 * @throws {BrokenChainError | CorruptCommitError | NewerSchemaError}
 */
export async function checkChain(log: EventLog, fromSeq: number): Promise<number> {
  const heads = new Map<string, Head>();
  let commits = 0;
  for await (const { seq, subject, data } of readHistory(log, { since: { seq: fromSeq } })) {
    const head = heads.get(subject);
    if (head && decodeCommit(data).prev !== head.hash) throw new BrokenChainError({ subject, seq }, head);
    heads.set(subject, { seq, hash: hashCommit(data) });
    commits++;
  }
  return commits;
}
