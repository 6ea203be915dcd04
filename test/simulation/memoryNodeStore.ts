import type { LeasedUnit } from '../../services/node/leaseFile.ts';
import type { NodeMemory, NodeStore } from '../../services/node/nodeStore.ts';
import { type Clock, delay } from '../../shared/clock/clock.ts';

/** A node's directory: it outlives its agents. */
export interface NodeDirectory {
  memory: string | null;
  /** `lease.json`: who holds leases, and when they were renewed last. Null: nobody does. */
  leases: { bootId: string; renewedAt: number; units: LeasedUnit[] } | null;
}

/** Writing takes so long, and is done at most so often: as `nodeStore.ts` does. */
const writeMs = 5;
const pauseMs = 100;

/** The node store's twin, for one agent: what it has not written when it dies is lost. */
export function createMemoryNodeStore(directory: NodeDirectory, clock: Clock): NodeStore {
  let wanted: (() => NodeMemory) | null = null;
  let writing: Promise<void> | null = null;

  async function writeAll(): Promise<void> {
    while (wanted) {
      const memory = wanted;
      wanted = null;
      const text = JSON.stringify(memory());
      await delay(clock, writeMs);
      directory.memory = text;
      await delay(clock, pauseMs);
    }
    writing = null;
  }

  return {
    load: async () =>
      directory.memory === null ? { bootId: '', assignment: null, rest: [] } : JSON.parse(directory.memory),
    save: (memory) => {
      wanted = memory;
      writing ??= writeAll();
    },
    flush: async () => {
      while (writing) await writing;
    },
  };
}
