/** Looking at paths, and being told when they may have changed. */
import { type FSWatcher, watch } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PathTrigger } from '../../shared/domain/path.ts';
import { firstMatch, fixedParts } from '../../shared/domain/pathGlob.ts';
import { isHiddenOrBackup } from '../../shared/domain/testConditions.ts';
import { machineDirectories } from './conditions/machineFacts.ts';

/** What is seen of a path: whether what is waited for is there, and a text that is another one after each change. */
export interface Sighting {
  isThere: boolean;
  /** Of a pattern: what matches it. */
  match?: string;
  state: string;
}

/** Of a directory, so many entries are looked at for changes. */
const mostEntries = 4_096;

export async function look({ kind, path }: PathTrigger): Promise<Sighting> {
  switch (kind) {
    case 'PathExists':
      return { isThere: (await inodeOf(path)) !== null, state: '' };
    case 'PathExistsGlob': {
      const match = await firstMatch(path, machineDirectories);
      return match === null ? { isThere: false, state: '' } : { isThere: true, match, state: '' };
    }
    case 'DirectoryNotEmpty':
      return { isThere: (await entriesOf(path)).some((name) => !isHiddenOrBackup(name)), state: '' };
    case 'PathChanged':
    case 'PathModified':
      return { isThere: false, state: await stateOf(path) };
    default:
      return kind satisfies never;
  }
}

/** Every change of a file, or of what is in a directory, changes a time of change. */
async function stateOf(path: string): Promise<string> {
  const own = await inodeOf(path);
  if (own === null) return 'absent';
  if (!own.isDirectory) return own.state;
  const names = (await entriesOf(path)).sort().slice(0, mostEntries);
  const entries = await Promise.all(names.map(async (name) => `${name} ${(await inodeOf(join(path, name)))?.state}`));
  return [own.state, ...entries].join('\n');
}

async function inodeOf(path: string): Promise<{ state: string; isDirectory: boolean } | null> {
  try {
    const { ino, ctimeNs, size, mode } = await stat(path, { bigint: true });
    return { state: `${ino} ${ctimeNs} ${size} ${mode}`, isDirectory: (mode & 0o170000n) === 0o040000n };
  } catch {
    return null;
  }
}

async function entriesOf(path: string): Promise<string[]> {
  return readdir(path).catch(() => []);
}

/**
 * Calls `onChange` when something has happened to one of the paths, or on the way there: whatever it was, it has to be
 * looked at. Returns how to end that. Paths that are not there yet are watched from where their way ends.
 */
export function watchPaths(triggers: readonly PathTrigger[], onChange: () => void): () => void {
  const places = new Map<string, Interest>();
  for (const { path } of triggers) addWay(places, path);
  const watchers: FSWatcher[] = [];
  for (const [place, interest] of places) {
    try {
      const watcher = watch(place, { persistent: false }, (_, name) => {
        if (interest === 'all' || name === null || interest.has(name)) onChange();
      });
      watcher.on('error', () => watcher.close());
      watchers.push(watcher);
    } catch {
      // It is not there: the directory above it tells when it comes.
    }
  }
  return () => {
    for (const watcher of watchers) watcher.close();
  };
}

/** What counts in a directory: everything, or these entries. */
type Interest = Set<string> | 'all';

/** The path itself, as far as it has no wildcards, and in every directory above it the next step. */
function addWay(places: Map<string, Interest>, path: string): void {
  const fixed = fixedParts(path);
  places.set(`/${fixed.join('/')}`, 'all');
  for (const [depth, name] of fixed.entries()) {
    const place = `/${fixed.slice(0, depth).join('/')}`;
    const known = places.get(place) ?? new Set();
    if (known !== 'all') places.set(place, known.add(name));
  }
}

/** `MakeDirectory=`: the directories that are to be watched are made where they are missing. */
export async function makeDirectories(triggers: readonly PathTrigger[], mode: number): Promise<void> {
  const wanted = triggers.filter(({ kind }) => kind !== 'PathExists' && kind !== 'PathExistsGlob');
  await Promise.all(wanted.map(({ path }) => mkdir(path, { recursive: true, mode })));
}
