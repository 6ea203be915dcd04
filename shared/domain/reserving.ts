/** What units reserve: as much as they state, or a share of the memory of the machine that they are on. */
import type { Resources } from './unitSpec.ts';

/** Bytes on a machine with that capacity; undefined: nothing, or a share of nobody knows what. */
export function memoryOn({ memoryBytes, memoryFraction }: Resources, capacity: Resources): number | undefined {
  if (memoryBytes !== undefined || memoryFraction === undefined) return memoryBytes;
  return capacity.memoryBytes === undefined ? undefined : Math.floor(memoryFraction * capacity.memoryBytes);
}

/** The same, as sums need it. */
export function reservedOn(
  resources: Resources,
  capacity: Resources | undefined,
): { memoryBytes: number; cpus: number } {
  return { memoryBytes: memoryOn(resources, capacity ?? {}) ?? 0, cpus: resources.cpus ?? 0 };
}
