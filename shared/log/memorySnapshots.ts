import { createHash } from 'node:crypto';
import { type OnPassedOver, type SnapshotMeta, type SnapshotStore, SnapshotStoreError } from './snapshots.ts';

export interface MemorySnapshots extends SnapshotStore {
  /** Changes one byte of what is kept. */
  damage(name: string): void;
}

/** The snapshot store's twin. */
export function createMemorySnapshots(onPassedOver: OnPassedOver): MemorySnapshots {
  const kept = new Map<string, { meta: SnapshotMeta; data: Uint8Array; digest: string }>();
  return {
    save: async (name, meta, parts) => {
      const before = kept.get(name);
      const gathered: Uint8Array[] = [];
      for await (const part of parts) gathered.push(part.slice());
      if (kept.get(name) !== before) throw new SnapshotStoreError(`somebody else has saved ${name} meanwhile`);
      const data = Buffer.concat(gathered);
      kept.set(name, { meta: { ...meta }, data, digest: digestOf(data) });
    },
    latest: async (name) => {
      const found = kept.get(name);
      if (!found) return null;
      if (digestOf(found.data) === found.digest) return { meta: { ...found.meta }, parts: [found.data.slice()] };
      onPassedOver(name, 'its digest does not match');
      return null;
    },
    damage: (name) => {
      const data = kept.get(name)?.data;
      if (data) data[0] = (data[0] ?? 0) ^ 1;
    },
  };
}

function digestOf(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
