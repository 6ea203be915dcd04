import type { WatchRequest } from '../../../shared/domain/kv.ts';
import type { Keyspace } from './keyspace.ts';
import type { Watch } from './store.ts';
import type { Version } from './version.ts';
import { Watcher } from './watcher.ts';
import { WatchIndex } from './watchIndex.ts';

/** Hands changes to the watches that they concern. */
export class WatchHub {
  readonly #keyspace: Keyspace;
  readonly #watchers = new WatchIndex<Watcher>();

  constructor(keyspace: Keyspace) {
    this.#keyspace = keyspace;
  }

  watch(request: WatchRequest, onReady: () => void): Watch {
    const watcher: Watcher = new Watcher(this.#keyspace, request, onReady, () =>
      this.#watchers.remove(watcher.request, watcher),
    );
    this.#watchers.add(watcher.request, watcher);
    return watcher;
  }

  /**
   * Hands on what was committed from `position` on, then tells the clients. When they are told everything is done, so
   * that they may call whatever they like; what they change is told to others before this returns.
   */
  publish(position: number): void {
    if (this.#watchers.isEmpty) return;
    const toTell: Watcher[] = [];
    const { history } = this.#keyspace;
    for (let at = position; at < history.end; at++) {
      const version = history.at(at) as Version;
      this.#watchers.visit(version.key, (watcher) => {
        if (watcher.offer(version)) toTell.push(watcher);
      });
    }
    for (const watcher of toTell) watcher.tell();
  }
}
