import { type ObjectInfo, type ObjectStore, Objm, StorageType, setSha256Backend } from '@nats-io/obj';
import type { NatsLink } from '../bus/natsConnection.ts';
import { streams } from '../protocol/subjects.ts';
import { messageOf } from './jetStreamErrors.ts';
import { type OnPassedOver, type SnapshotStore, SnapshotStoreError } from './snapshots.ts';

export interface JetStreamSnapshotsOptions {
  /** Copies of the store, when it is made. */
  replicas?: number;
  /** How long reading one may take. */
  timeoutMs?: number;
  onPassedOver: OnPassedOver;
}

const defaultTimeoutMs = 30_000;
/** Each is written to the disk before the next: few large ones are faster. */
const chunkBytes = 1024 * 1024;

/** The snapshot store in JetStream's object store, which keeps a SHA-256 with each object and checks it when it is read. */
export function createJetStreamSnapshots(link: NatsLink, options: JetStreamSnapshotsOptions): SnapshotStore {
  const { replicas = 1, timeoutMs = defaultTimeoutMs, onPassedOver } = options;
  // The client's own digest is written in JavaScript and some five times slower.
  setSha256Backend('native');
  const manager = new Objm(link.nc);
  const openBucket = () => manager.create(streams.snapshots, { storage: StorageType.File, replicas });
  return {
    save: async (name, meta, parts) => {
      try {
        const bucket = await openBucket();
        const options = { max_chunk_size: chunkBytes };
        // Who was slow, or paused, must not replace what somebody else has saved since.
        const previousRevision = (await bucket.info(name))?.revision ?? 0;
        await bucket.put({ name, metadata: meta, options }, ReadableStream.from(parts), { previousRevision });
      } catch (cause) {
        throw new SnapshotStoreError(`the snapshot ${name} could not be kept: ${messageOf(cause)}`, { cause });
      }
    },
    latest: async (name) => {
      try {
        const bucket = await openBucket();
        const info = await bucket.info(name);
        return info === null || info.deleted ? null : await read(bucket, info, timeoutMs);
      } catch (error) {
        onPassedOver(name, messageOf(error));
        return null;
      }
    },
  };
}

async function read(bucket: ObjectStore, { name, size, metadata = {} }: ObjectInfo, timeoutMs: number) {
  const parts = await withLimit(partsOf(bucket, name), timeoutMs);
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  if (bytes !== size) throw new SnapshotStoreError('it is not complete');
  return { meta: metadata, parts };
}

async function partsOf(bucket: ObjectStore, name: string): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  const found = await bucket.get(name);
  for await (const part of found?.data ?? []) parts.push(part);
  return parts;
}

/** The client waits for ever for parts that are missing. */
async function withLimit<T>(reading: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const error = new SnapshotStoreError(`it was not read within ${timeoutMs / 1000} s, parts of it may be missing`);
    timer = setTimeout(() => reject(error), timeoutMs);
  });
  try {
    return await Promise.race([reading, late]);
  } finally {
    clearTimeout(timer);
    reading.catch(() => undefined);
  }
}
