import { createHash } from 'node:crypto';
import type { KvService } from '../kvService.ts';
import { headerOf } from './context.ts';
import type { StreamCall } from './grpc/call.ts';
import type { SnapshotResponse } from './messages.ts';

/** Clients take a snapshot for one that has a checksum when its length leaves 32 divided by this. */
const pageBytes = 512;
const checksumBytes = 32;

/**
 * The store as it is now, filled up with zeros to whole pages, and the SHA-256 of all that: the length by which `etcdctl`
 * tells that a snapshot came whole.
 */
export async function sendSnapshot(service: KvService, call: StreamCall<SnapshotResponse>): Promise<void> {
  const header = headerOf(service);
  const hash = createHash('sha256');
  const isDrained = drains(call);
  let bytes = 0;
  async function send(chunk: Uint8Array): Promise<void> {
    bytes += chunk.length;
    hash.update(chunk);
    const remainingBytes = Math.max(checksumBytes, service.store.sizeBytes - bytes);
    if (!call.send({ header, remainingBytes, blob: toBytes(chunk) })) await isDrained();
  }
  for (const chunk of service.store.serialize()) {
    await send(chunk);
    if (call.closed) return;
  }
  await send(new Uint8Array((pageBytes - (bytes % pageBytes)) % pageBytes));
  call.send({ header, remainingBytes: 0, blob: toBytes(hash.digest()) });
  call.end();
}

/** Resolves when the client has read what was sent, or has gone away. */
function drains(call: StreamCall<SnapshotResponse>): () => Promise<void> {
  let wake: () => void = () => {};
  call.onDrain(() => wake());
  call.onClosed(() => wake());
  return () =>
    new Promise((resolve) => {
      if (call.closed) resolve();
      else wake = resolve;
    });
}

function toBytes(chunk: Uint8Array): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength).toString('latin1');
}
