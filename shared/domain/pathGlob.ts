/** Patterns of paths as glob(7) has them, with `{a,b}`: systemd.unit(5), "ConditionPathExistsGlob=". */
import { matchesShellPattern } from './glob.ts';

export interface Directories {
  /** The names in a directory, without `.` and `..`; null where it is none. */
  entries(directory: string): Promise<string[] | null>;
  /** Also a symbolic link to nowhere. */
  isThere(path: string): Promise<boolean>;
}

/** Whether there is anything that the pattern, an absolute path, matches. */
export async function globExists(pattern: string, directories: Directories): Promise<boolean> {
  for (const each of expandBraces(pattern)) {
    if (await existsBelow('', each.split('/').filter(Boolean), directories)) return true;
  }
  return false;
}

async function existsBelow(base: string, parts: readonly string[], directories: Directories): Promise<boolean> {
  const [part, ...rest] = parts;
  if (part === undefined) return directories.isThere(base === '' ? '/' : base);
  if (!/[*?[\\]/.test(part)) return existsBelow(`${base}/${part}`, rest, directories);
  const names = (await directories.entries(base === '' ? '/' : base)) ?? [];
  for (const name of names.filter((each) => matchesName(part, each))) {
    if (await existsBelow(`${base}/${name}`, rest, directories)) return true;
  }
  return false;
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
