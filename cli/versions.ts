import type { EventLog } from '../shared/log/eventLog.ts';
import { readHistory } from '../shared/log/history.ts';
import { type Commit, causeOf, decodeCommit } from '../shared/protocol/commit.ts';

/** One version of a unit, as it stands on the log for ever. */
export interface UnitVersion {
  /** From 1 on, in the order that they were submitted in, also after the unit was destroyed in between. */
  number: number;
  /** Sequence of the commit. */
  seq: number;
  /** ms since 1970. */
  at: number;
  /** Who submitted it. */
  by: string;
  hash: string;
  text: string;
  /** What ended it: another version, or that the unit was destroyed. */
  ended?: { how: 'replaced' | 'destroyed'; at: number };
}

/** All versions of a unit that were ever submitted. */
export async function readVersions(log: EventLog, unit: string): Promise<UnitVersion[]> {
  const versions: UnitVersion[] = [];
  for await (const { seq, data } of readHistory(log, {})) {
    const commit = decodeCommit(data);
    for (const event of commit.events) {
      if (!('unit' in event) || event.unit !== unit) continue;
      const last = versions.at(-1);
      if (event.type === 'UnitSubmitted') {
        if (last && !last.ended) last.ended = { how: 'replaced', at: commit.at };
        const { hash, text } = event;
        const by = whoAsked(commit, causeOf(commit, event));
        versions.push({ number: versions.length + 1, seq, at: commit.at, by, hash, text });
      } else if (event.type === 'UnitDestroyed' && last && !last.ended) {
        last.ended = { how: 'destroyed', at: commit.at };
      }
    }
  }
  return versions;
}

function whoAsked(commit: Commit, cause: string): string {
  return commit.commands?.find(({ id }) => id === cause)?.by ?? commit.by;
}
