import { createMemorySnapshots, type MemorySnapshots } from './memorySnapshots.ts';
import { snapshotStoreContract } from './snapshots.contract.ts';
import type { SnapshotStore } from './snapshots.ts';

snapshotStoreContract('memory', async () => {
  let told: (name: string, reason: string) => void = () => {};
  const store: MemorySnapshots = createMemorySnapshots((name, reason) => told(name, reason));
  return {
    open: (onPassedOver): SnapshotStore => {
      told = onPassedOver;
      return store;
    },
    damage: async (name) => store.damage(name),
  };
});
