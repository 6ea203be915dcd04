import type { Bytes, LeaseId } from '../../../shared/domain/kv.ts';
import { ownBytes } from './bytes.ts';
import { History } from './history.ts';
import type { Interval } from './interval.ts';
import { KeyIndex, type Traits } from './keyIndex.ts';
import { hashOf, isTombstone, sizeOf, tombstone, Version } from './version.ts';
import { compacted, current, currentAt, newest, type Versions, withNewest } from './versions.ts';

/** The revision of a store in which nothing was ever put. */
const firstRevision = 1;
/** How many keys {@link Keyspace.tidy} looks up: about a millisecond. */
const tidyStep = 400;
/** Passing a change by costs this part of looking its key up. */
const passingCost = 1 / 16;

/** Its weight is the number of keys that are there now. */
const traits: Traits<Versions> = {
  keyOf: (versions) => newest(versions).key,
  weightOf: (versions) => (current(versions) === null ? 0 : 1),
};

/** What {@link Keyspace.restore} makes one of. */
export interface KeyspaceContent {
  revision: number;
  compactRevision: number;
  /** Of each key, sorted, what a compaction at `compactRevision` keeps. */
  versions: Versions[];
  /** All versions from `compactRevision` on in the order in which they were made. */
  changes: Version[];
  /** What stood there before each of the changes, as far as it is kept. */
  replaced: (Version | null)[];
}

interface Added {
  readonly made: Version;
  readonly replaced: Version | null;
}

/**
 * The keys with all their versions that are kept, and the order in which they were made. Changes are made between one
 * {@link commit} and the next and share its revision. A compaction has its whole effect at once for all who read; the memory
 * comes back by {@link tidy}.
 */
export class Keyspace {
  #index = new KeyIndex<Versions>(traits);
  readonly history = new History();
  #revision = firstRevision;
  #compactRevision = 0;
  /** Changes since the last commit. */
  #uncommitted = 0;
  #addedBytes = 0;
  #liveBytes = 0;
  /** Of the versions that are older than the history. */
  #baseHash = 0;
  /** From here on changes have to be looked at by {@link tidy}. */
  #tidied = 0;
  /** Compaction revisions whose content somebody is still reading. */
  readonly #pins = new Set<{ readonly compactRevision: number }>();

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** Without what the compaction freed, whether its memory has come back or not. */
  get sizeBytes(): number {
    return this.#addedBytes - this.history.totalsUpTo(this.#compactRevision).freedBytes;
  }

  get sizeInUseBytes(): number {
    return this.#liveBytes;
  }

  static restore(content: KeyspaceContent): Keyspace {
    const keyspace = new Keyspace();
    keyspace.#index = KeyIndex.ofSorted(traits, content.versions);
    keyspace.#revision = content.revision;
    keyspace.#compactRevision = content.compactRevision;
    for (const versions of content.versions) keyspace.#countRestored(versions);
    content.changes.forEach((change, i) => {
      keyspace.history.append(change, content.replaced[i] ?? null);
    });
    return keyspace;
  }

  /** What the key is now, changes before the commit included. */
  get(key: Bytes): Version | null {
    const versions = this.#index.get(key);
    return versions === undefined ? null : current(versions);
  }

  /** What the key was at `revision`. */
  getAt(key: Bytes, revision: number): Version | null {
    const versions = this.#index.get(key);
    return versions === undefined ? null : currentAt(versions, revision);
  }

  /** How many keys of the interval are there now. */
  count(interval: Interval): number {
    return this.#index.weightIn(interval);
  }

  /** Visits what is there in the order of the keys until `visit` returns false; null: now, as {@link get} sees it. */
  scan(interval: Interval, revision: number | null, visit: (version: Version) => boolean): void {
    this.#index.scan(interval, (versions) => {
      const found = revision === null ? current(versions) : currentAt(versions, revision);
      return found === null || visit(found);
    });
  }

  /** Visits all versions of each key, garbage included. */
  scanVersions(interval: Interval, visit: (versions: Versions) => boolean): void {
    this.#index.scan(interval, visit);
  }

  /** Returns what was made, and what was there before. */
  put(key: Bytes, value: Bytes, lease: LeaseId): { made: Version; previous: Version | null } {
    const { made, replaced } = this.#add(key, (ownKey, old) => {
      const previous = old !== null && isTombstone(old) ? null : old;
      const modRevision = this.#revision + 1;
      return new Version(
        ownKey,
        previous?.value === value ? previous.value : ownBytes(value),
        previous?.createRevision ?? modRevision,
        modRevision,
        this.history.end,
        (previous?.version ?? 0) + 1,
        lease,
      );
    });
    return { made, previous: replaced !== null && isTombstone(replaced) ? null : replaced };
  }

  /** The key must be there. */
  delete(key: Bytes): void {
    this.#add(key, (ownKey) => tombstone(ownKey, this.#revision + 1, this.history.end));
  }

  /** Ends the revision that the changes since the last commit share; false: there were none. */
  commit(): boolean {
    if (this.#uncommitted === 0) return false;
    this.#uncommitted = 0;
    this.#revision++;
    return true;
  }

  /** `revision` is between the last compaction and now. */
  compact(revision: number): void {
    this.#compactRevision = revision;
  }

  /** A hash of what is kept of all up to `revision`, which is between the compaction and now; 32 bits, unsigned. */
  hash(revision: number): number {
    const { freedHash } = this.history.totalsUpTo(this.#compactRevision);
    return (this.#baseHash + this.history.totalsUpTo(revision).addedHash - freedHash) >>> 0;
  }

  /** Until the function it returns is called, everything that is kept now stays where it is, whatever is compacted. */
  pin(): () => void {
    const pin = { compactRevision: this.#compactRevision };
    this.#pins.add(pin);
    return () => this.#pins.delete(pin);
  }

  /** Frees some of what nobody can see any more; true while there is more that nobody has pinned. */
  tidy(): boolean {
    const limit = this.#tidyLimit();
    const end = this.history.seek(limit + 1);
    for (let effort = 0; this.#tidied < end && effort < tidyStep; this.#tidied++) {
      effort += this.#tidyKeyOf(this.history.at(this.#tidied) as Version, limit) ? 1 : passingCost;
    }
    if (this.#tidied < end) return true;
    // What was made at the limit itself is looked at again by the next compaction, which may free it.
    this.#tidied = this.history.seek(limit);
    this.history.dropBefore(this.#tidied);
    return false;
  }

  #tidyLimit(): number {
    let limit = this.#compactRevision;
    for (const pin of this.#pins) limit = Math.min(limit, pin.compactRevision);
    return limit;
  }

  /** False: a key that was created leaves nothing behind, and what it left earlier is found where it was deleted. */
  #tidyKeyOf({ key, version }: Version, limit: number): boolean {
    if (version === 1) return false;
    const versions = this.#index.get(key);
    const kept = versions === undefined ? null : compacted(versions, limit);
    if (versions === undefined || kept === versions) return true;
    if (kept === null) this.#index.delete(key);
    else this.#index.update(key, () => kept);
    return true;
  }

  /** Of what it returns, `replaced` may be a tombstone. */
  #add(key: Bytes, make: (ownKey: Bytes, replaced: Version | null) => Version): Added {
    let added = null as Added | null;
    this.#index.update(key, (versions) => {
      const replaced = versions === undefined ? null : newest(versions);
      const made = make(replaced === null ? ownBytes(key) : replaced.key, replaced);
      added = { made, replaced };
      return versions === undefined ? made : withNewest(versions, made);
    });
    return this.#record(added as Added);
  }

  #record(added: Added): Added {
    const { made, replaced } = added;
    if (replaced !== null && !isTombstone(replaced)) this.#liveBytes -= sizeOf(replaced);
    if (!isTombstone(made)) this.#liveBytes += sizeOf(made);
    this.#addedBytes += sizeOf(made);
    this.#uncommitted++;
    this.history.append(made, replaced);
    return added;
  }

  #countRestored(versions: Versions): void {
    const live = current(versions);
    if (live !== null) this.#liveBytes += sizeOf(live);
    for (const version of Array.isArray(versions) ? versions : [versions]) {
      this.#addedBytes += sizeOf(version);
      if (version.modRevision < this.#compactRevision) this.#baseHash = (this.#baseHash + hashOf(version)) | 0;
    }
  }
}
