import type { LeasedUnit } from '../../services/node/leaseFile.ts';
import type { NodeDisk } from '../../services/node/nodeStore.ts';
import { type Clock, delay } from '../../shared/clock/clock.ts';

/** A node's directory: it outlives its agents. */
export interface NodeDirectory {
  memory: string | null;
  /** `lease.json`: who holds leases, and when they were renewed last. Null: nobody does. */
  leases: { bootId: string; renewedAt: number; units: LeasedUnit[] } | null;
  /** So many leases have room in the file that is there. */
  leaseRoom: number;
  /** The disk takes nothing that needs room. */
  isFull: boolean;
}

const writeMs = 5;

/** The node's disk, for one agent: what it has not written when it dies is lost. */
export function memoryNodeDisk(directory: NodeDirectory, clock: Clock): NodeDisk {
  return {
    read: async () => directory.memory,
    write: async (text) => {
      await delay(clock, writeMs);
      if (directory.isFull) throw new Error('no space left on device');
      directory.memory = text;
    },
  };
}
