import type { Change, WatchLog } from '../watch.ts';
import type { KvClient } from './kvClient.ts';
import type { Random } from './random.ts';

/** A watcher that takes up again where it was, at any store, whenever its watch ends. */
export interface Watcher {
  readonly messages: readonly Change[][];
  /** How often it took up again. */
  readonly resumed: number;
  /** Resolves once it has been told of that revision. */
  reached(revision: number): Promise<void>;
  /** What it was told up to that revision. */
  log(through: number): WatchLog;
  stop(): void;
}

export interface WatcherOptions {
  clients: readonly [KvClient, ...KvClient[]];
  random: Random;
  prefix: string;
  startRevision: number;
  /** Before it takes up again. */
  pause: () => Promise<void>;
}

export function startWatcher(options: WatcherOptions): Watcher {
  const { clients, random, prefix, startRevision, pause } = options;
  const messages: Change[][] = [];
  const waiting = new Set<() => void>();
  let [resumed, stopped] = [0, false];
  let cancel = () => {};
  const lastSeen = () => messages.at(-1)?.at(-1)?.revision ?? startRevision - 1;
  const begin = () => {
    if (stopped) return;
    const onMessage = (changes: Change[]) => {
      if (changes.length > 0) messages.push(changes);
      for (const wake of waiting) wake();
    };
    const onEnd = () => {
      resumed++;
      void pause().then(begin);
    };
    cancel = random.pick(clients).watch({ prefix, startRevision: lastSeen() + 1, onMessage, onEnd });
  };
  begin();
  return {
    messages,
    get resumed() {
      return resumed;
    },
    reached: (revision) =>
      new Promise((resolve) => {
        const look = () => {
          if (lastSeen() < revision) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    log: (through) => {
      const told = messages.map((changes) => changes.filter(({ revision }) => revision <= through));
      return { startRevision, covers: (key) => key.startsWith(prefix), messages: told, through };
    },
    stop: () => {
      stopped = true;
      cancel();
    },
  };
}
