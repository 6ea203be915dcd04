/** Patterns of paths as glob(7) has them, with `{a,b}`: systemd.unit(5), "ConditionPathExistsGlob=". */
import { matchesShellPattern } from './glob.ts';

export interface Directories {
  /** The names in a directory, without `.` and `..`; null where it is none. */
  entries(directory: string): Promise<string[] | null>;
  /** Also a symbolic link to nowhere. */
  isThere(path: string): Promise<boolean>;
}

/** By `..` many ways lead to one place: so often it is looked, then nothing more is found. */
const mostLooks = 20_000;

/** The first path that the pattern, an absolute path, matches; null: there is none. */
export async function firstMatch(pattern: string, directories: Directories): Promise<string | null> {
  const budget = { looks: mostLooks };
  for (const each of expandBraces(pattern)) {
    const found = await firstBelow('', each.split('/').filter(Boolean), directories, budget);
    if (found !== null) return found;
  }
  return null;
}

async function firstBelow(
  base: string,
  parts: readonly string[],
  directories: Directories,
  budget: { looks: number },
): Promise<string | null> {
  if (budget.looks-- <= 0) return null;
  const [part, ...rest] = parts;
  const path = base === '' ? '/' : base;
  if (part === undefined) return (await directories.isThere(path)) ? path : null;
  if (!isPattern(part)) return firstBelow(`${base}/${part}`, rest, directories, budget);
  const names = ((await directories.entries(path)) ?? []).filter((each) => matchesName(part, each));
  for (const name of names.sort()) {
    const found = await firstBelow(`${base}/${name}`, rest, directories, budget);
    if (found !== null) return found;
  }
  return null;
}

function isPattern(part: string): boolean {
  return /[*?[\\]/.test(part);
}

/** The directories at the beginning of a pattern, each by its name, that are the same for everything that it matches. */
export function fixedParts(pattern: string): string[] {
  const parts = pattern.split('/').filter(Boolean);
  const first = parts.findIndex((part) => isPattern(part) || part.includes('{'));
  return first < 0 ? parts : parts.slice(0, first);
}

/** A leading period is only matched by itself. */
function matchesName(pattern: string, name: string): boolean {
  return (!name.startsWith('.') || /^\\?\./.test(pattern)) && matchesShellPattern(pattern, name);
}

/** So many are looked for, the first ones. */
const mostAlternatives = 1000;

/** `/a{b,c{d,e}}` stands for three patterns; a brace that is never closed, and an empty pair, stand for themselves. */
export function expandBraces(pattern: string, most: number = mostAlternatives): string[] {
  const open = firstBrace(pattern);
  if (open === null) return [pattern];
  const { start, end, commas } = open;
  const cuts = [start, ...commas, end];
  const alternatives = cuts.slice(1).map((cut, index) => pattern.slice((cuts[index] ?? 0) + 1, cut));
  const all: string[] = [];
  for (const alternative of alternatives) {
    if (all.length >= most) break;
    all.push(...expandBraces(`${pattern.slice(0, start)}${alternative}${pattern.slice(end + 1)}`, most - all.length));
  }
  return all;
}

/** The first pair of braces, and the commas between them that belong to no inner pair. */
function firstBrace(pattern: string): { start: number; end: number; commas: number[] } | null {
  for (let start = 0; start < pattern.length; start += 1) {
    if (pattern[start] === '\\') start += 1;
    else if (pattern[start] === '{' && pattern[start + 1] !== '}') {
      const pair = closeBrace(pattern, start);
      if (pair) return { start, ...pair };
    }
  }
  return null;
}

function closeBrace(pattern: string, start: number): { end: number; commas: number[] } | null {
  const commas: number[] = [];
  let depth = 0;
  for (let at = start; at < pattern.length; at += 1) {
    const char = pattern[at];
    if (char === '\\') at += 1;
    else if (char === '{') depth += 1;
    else if (char === ',' && depth === 1) commas.push(at);
    else if (char === '}') {
      depth -= 1;
      if (depth === 0) return { end: at, commas };
    }
  }
  return null;
}
