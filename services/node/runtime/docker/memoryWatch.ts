/** Tells which containers the kernel has killed processes of, because their memory ran out; one stream of events for all. */
import { type Clock, delay } from '../../../../shared/clock/clock.ts';
import { LinkedController } from '../../../../shared/clock/linkedController.ts';
import type { Engine } from './engine.ts';
import { labelFilter } from './labels.ts';

export interface MemoryWatch {
  /** Calls `onKill` each time, until the returned function is called. */
  watch(container: string, onKill: () => void): () => void;
}

export interface MemoryWatchOptions {
  engine: Pick<Engine, 'outOfMemory'>;
  /** Whose containers these are. */
  node: string;
  clock: Clock;
  /** Aborts when the runtime is closed. */
  closed: AbortSignal;
}

const retryMs = 1_000;

/** What runs out while the engine is away is told by the container's end alone. */
export function createMemoryWatch({ engine, node, clock, closed }: MemoryWatchOptions): MemoryWatch {
  const watchers = new Map<string, () => void>();
  let listening: AbortController | null = null;

  async function listen(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        for await (const id of await engine.outOfMemory(labelFilter({ node, kind: 'main' }), signal))
          watchers.get(id)?.();
      } catch {
        // The engine is away: it is asked again.
      }
      if (!signal.aborted) await delay(clock, retryMs, signal);
    }
  }

  return {
    watch(container, onKill) {
      watchers.set(container, onKill);
      if (listening === null) {
        listening = new LinkedController(closed);
        void listen(listening.signal);
      }
      return () => {
        watchers.delete(container);
        if (watchers.size > 0) return;
        listening?.abort();
        listening = null;
      };
    },
  };
}
