import type { WatchEvent, WatchRequest } from '../../../shared/domain/kv.ts';
import { containsKey, type Interval, toInterval } from './interval.ts';
import type { Keyspace } from './keyspace.ts';
import type { Watch } from './store.ts';
import { isTombstone, toKeyValue, type Version } from './version.ts';

/** How many changes wait for a client before it has to look them up in the history again. */
const maxPending = 1000;

/**
 * One watch. As long as its client keeps up, the changes that concern it are handed to it and wait in `pending`. When there
 * are too many of them, or it has to begin in the past, it is *behind* and reads the history until it has caught up.
 */
export class Watcher implements Watch {
  readonly #keyspace: Keyspace;
  readonly #request: WatchRequest;
  readonly #interval: Interval;
  readonly #onReady: () => void;
  readonly #onClose: () => void;
  /** While it is behind, what it has to see next; else nothing older concerns it. */
  #nextRevision: number;
  #behind: boolean;
  #pending: Version[] = [];
  /** The client was told since it last looked. */
  #told = false;
  #closed = false;

  constructor(keyspace: Keyspace, request: WatchRequest, onReady: () => void, onClose: () => void) {
    this.#keyspace = keyspace;
    this.#request = { ...request };
    this.#interval = toInterval(request);
    this.#onReady = onReady;
    this.#onClose = onClose;
    const { startRevision = 0 } = request;
    this.#nextRevision = startRevision > 0 ? startRevision : keyspace.revision + 1;
    this.#behind = this.#nextRevision <= keyspace.revision;
  }

  get request(): WatchRequest {
    return this.#request;
  }

  /** A change of one of its keys. True: its client has to be told. */
  offer(version: Version): boolean {
    if (version.modRevision < this.#nextRevision || !this.#wants(version)) return false;
    if (!this.#behind) this.#keep(version);
    const tell = !this.#told;
    this.#told = true;
    return tell;
  }

  tell(): void {
    if (!this.#closed) this.#onReady();
  }

  pull(maxEvents: number): ReturnType<Watch['pull']> {
    this.#told = false;
    const { revision, compactRevision } = this.#keyspace;
    if (this.#closed) return { revision, events: [] };
    if (this.#behind && this.#nextRevision < compactRevision) return { compactRevision };
    const versions = this.#behind ? this.#readHistory(maxEvents) : this.#takePending(maxEvents);
    const isMore = this.#behind || this.#pending.length > 0;
    const last = versions[versions.length - 1];
    return {
      revision: isMore && last !== undefined ? last.modRevision : revision,
      events: versions.map((version) => this.#eventOf(version)),
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pending = [];
    this.#onClose();
  }

  #wants(version: Version): boolean {
    return isTombstone(version) ? !this.#request.noDelete : !this.#request.noPut;
  }

  #keep(version: Version): void {
    this.#pending.push(version);
    if (this.#pending.length > maxPending) {
      this.#behind = true;
      this.#nextRevision = (this.#pending[0] as Version).modRevision;
      this.#pending = [];
    }
  }

  #takePending(maxEvents: number): Version[] {
    return this.#pending.splice(0, wholeRevisions(this.#pending, maxEvents));
  }

  #readHistory(maxEvents: number): Version[] {
    const { history } = this.#keyspace;
    const found: Version[] = [];
    let revision = this.#nextRevision;
    for (let at = history.seek(revision); at < history.end; at++) {
      const version = history.at(at) as Version;
      if (version.modRevision > revision && found.length >= maxEvents && found.length > 0) {
        this.#nextRevision = version.modRevision;
        return found;
      }
      revision = version.modRevision;
      if (containsKey(this.#interval, version.key) && this.#wants(version)) found.push(version);
    }
    this.#behind = false;
    this.#nextRevision = this.#keyspace.revision + 1;
    return found;
  }

  #eventOf(version: Version): WatchEvent {
    const event: WatchEvent = { type: isTombstone(version) ? 'delete' : 'put', kv: toKeyValue(version) };
    const previous = this.#request.prevKv ? this.#previousOf(version) : null;
    if (previous !== null) event.prevKv = toKeyValue(previous);
    return event;
  }

  /** What the key was one revision before, if that can still be said. */
  #previousOf({ key, modRevision, createRevision }: Version): Version | null {
    if (createRevision === modRevision || modRevision - 1 < this.#keyspace.compactRevision) return null;
    return this.#keyspace.getAt(key, modRevision - 1);
  }
}

/** How many of them to take so that at least `maxEvents` are, and no revision is split. */
function wholeRevisions(versions: readonly Version[], maxEvents: number): number {
  let count = Math.max(1, maxEvents);
  const last = versions[count - 1];
  if (last === undefined) return versions.length;
  while (versions[count]?.modRevision === last.modRevision) count++;
  return count;
}
