import { isTombstone, type Version } from './version.ts';

/** All that is kept of one key, oldest first. Most keys have one version, which then needs no array. Never empty. */
export type Versions = Version | Version[];

export function newest(versions: Versions): Version {
  return Array.isArray(versions) ? (versions[versions.length - 1] as Version) : versions;
}

/** The newest one unless it is a tombstone. */
export function current(versions: Versions): Version | null {
  const last = newest(versions);
  return isTombstone(last) ? null : last;
}

/** What the key was at `revision`. */
export function currentAt(versions: Versions, revision: number): Version | null {
  const found = newestAt(versions, revision);
  return found && !isTombstone(found) ? found : null;
}

/** The last one that was made up to `revision`, a tombstone too. */
export function newestAt(versions: Versions, revision: number): Version | null {
  if (!Array.isArray(versions)) return versions.modRevision <= revision ? versions : null;
  return versions[countUpTo(versions, revision) - 1] ?? null;
}

export function withNewest(versions: Versions, version: Version): Versions {
  if (!Array.isArray(versions)) return [versions, version];
  versions.push(version);
  return versions;
}

/**
 * What a compaction at `revision` keeps: all versions from there on, and of the older ones the last, if it is what the key
 * was at `revision` and no tombstone. Null: nothing. The array given is reused.
 */
export function compacted(versions: Versions, revision: number): Versions | null {
  if (!Array.isArray(versions)) return isGarbage(versions, revision) ? null : versions;
  const dropped = firstKept(versions, revision);
  if (dropped === versions.length) return null;
  if (dropped === versions.length - 1) return newest(versions);
  if (dropped > 0) versions.splice(0, dropped);
  return versions;
}

/** Those that {@link compacted} keeps, without changing anything. */
export function keptVersions(versions: Versions, revision: number): readonly Version[] {
  if (!Array.isArray(versions)) return isGarbage(versions, revision) ? [] : [versions];
  const dropped = firstKept(versions, revision);
  return dropped === 0 ? versions : versions.slice(dropped);
}

/** Of a version that nothing follows. */
function isGarbage(version: Version, revision: number): boolean {
  return isTombstone(version) && version.modRevision < revision;
}

function firstKept(versions: readonly Version[], revision: number): number {
  const before = countUpTo(versions, revision - 1);
  const base = versions[before - 1];
  const next = versions[before];
  if (base === undefined) return before;
  const replaced = next !== undefined && next.modRevision === revision;
  return replaced || isTombstone(base) ? before : before - 1;
}

function countUpTo(versions: readonly Version[], revision: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((versions[middle] as Version).modRevision <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
