/**
 * When the lines of a journal file came. A program writes to its journal by itself, so nobody sees its lines come: the
 * agent looks at the file now and then, and notes how far it was. A line has the moment at which it was first seen.
 */
import { appendFile, readFile, rename, rm, stat } from 'node:fs/promises';

const timesPath = (journal: string) => `${journal}.times`;

/** How far a journal was at a moment (ms since 1970). */
export interface Mark {
  /** Bytes. */
  end: number;
  at: number;
}

/** Notes how far the journal is now, if that is further than at `known`; resolves with how far it is. */
export async function markJournal(journal: string, now: number, known: number | undefined): Promise<number> {
  const size = await stat(journal).then(
    (found) => found.size,
    () => 0,
  );
  if (size > 0 && size !== known) await appendFile(timesPath(journal), `${size} ${now}\n`);
  return size;
}

/** The journal was moved to `rotated`, whole or (`cut`) only its end, whose marks then say nothing. */
export async function rotateMarks(journal: string, rotated: string, cut: boolean): Promise<void> {
  await (cut ? rm(timesPath(journal), { force: true }) : rename(timesPath(journal), timesPath(rotated))).catch(
    ifMissing,
  );
  if (cut) await rm(timesPath(rotated), { force: true });
}

export async function readMarks(journal: string): Promise<Mark[]> {
  const text = await readFile(timesPath(journal), 'utf8').catch(() => '');
  const marks = text
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ').map(Number))
    .map(([end = 0, at = 0]) => ({ end, at }));
  // What stands before the file was emptied and begun anew is of its rotated part.
  const anew = marks.findLastIndex(({ end }, i) => i > 0 && end < (marks[i - 1]?.end ?? 0));
  return marks.slice(Math.max(0, anew));
}

/** When the byte before `end` was first seen: the first mark that has it; null: no mark does. */
export function momentOf(marks: readonly Mark[], end: number): number | null {
  let [low, high] = [0, marks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((marks[middle]?.end ?? 0) < end) low = middle + 1;
    else high = middle;
  }
  return marks[low]?.at ?? null;
}

function ifMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error;
}
