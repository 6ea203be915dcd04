/** What the units themselves wrote down: when and where each of their runs was. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One run of a unit's program. Times are seconds since the kernel's boot. */
export interface Run {
  unit: string;
  machine: string;
  from: number;
  /** When it was last known to run: it ended then, or within the pause between two beats. */
  to: number;
}

/** The runs in a file's text, in the order in which they began. Half a line at the end is left out. */
export function parseRuns(unit: string, text: string): Run[] {
  const runs = new Map<string, Run>();
  for (const line of text.split('\n').slice(0, -1)) {
    const [time = '', , run = '', machine = ''] = line.split(' ');
    const at = Number(time);
    const known = runs.get(run);
    if (known) known.to = Math.max(known.to, at);
    else runs.set(run, { unit, machine, from: at, to: at });
  }
  return [...runs.values()];
}

export async function readRuns(dir: string): Promise<Run[]> {
  const units = (await readdir(dir)).filter((name) => name.endsWith('.service'));
  const texts = await Promise.all(units.map((unit) => readFile(join(dir, unit), 'utf8')));
  return texts.flatMap((text, index) => parseRuns(units[index] ?? '', text));
}

export interface Overlap {
  unit: string;
  machines: [string, string];
  from: number;
  to: number;
}

/** Each time that two runs of the same unit were there at once. */
export function findOverlaps(runs: readonly Run[]): Overlap[] {
  return runs.flatMap((run, index) =>
    runs.slice(index + 1).flatMap((other) => {
      const [from, to] = [Math.max(run.from, other.from), Math.min(run.to, other.to)];
      return run.unit === other.unit && from < to
        ? [{ unit: run.unit, machines: [run.machine, other.machine] as [string, string], from, to }]
        : [];
    }),
  );
}

/** How long a unit was not there between two of its runs, seconds. */
export function findGaps(runs: readonly Run[]): { unit: string; from: number; to: number }[] {
  const coveredUntil = new Map<string, number>();
  const gaps: { unit: string; from: number; to: number }[] = [];
  for (const { unit, from, to } of runs.toSorted((a, b) => a.from - b.from)) {
    const covered = coveredUntil.get(unit) ?? from;
    if (from > covered) gaps.push({ unit, from: covered, to: from });
    coveredUntil.set(unit, Math.max(covered, to));
  }
  return gaps;
}
