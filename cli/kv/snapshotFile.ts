/**
 * A snapshot in a file: a line that says what it is, a line of JSON about it, the store's own bytes (`Store.serialize`),
 * and the SHA-256 of all that. What `etcdctl snapshot save` writes has the same bytes and checksum without the two lines.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { FailureError } from '../errors.ts';
import { writeWhole } from '../wholeFile.ts';

export interface SnapshotHeader {
  /** Of the store. */
  revision: number;
  /** How many keys it has. */
  keys: number;
}

export interface SnapshotFacts {
  /** Null of a file that etcdctl wrote. */
  header: SnapshotHeader | null;
  /** The first part of its SHA-256, hexadecimal. */
  hash: string;
  sizeBytes: number;
}

const magic = 'flotilla-kv-snapshot 1\n';
const digestBytes = 32;
/** etcdctl's files are filled up to whole pages before the checksum. */
const etcdPageBytes = 512;

/** Makes the file, whole or not at all. */
export function writeSnapshot(path: string, header: SnapshotHeader, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  return writeWhole(path, async (file) => {
    const hash = createHash('sha256');
    const write = async (data: Uint8Array) => {
      hash.update(data);
      await file.writeFile(data);
    };
    await write(Buffer.from(`${magic}${JSON.stringify(header)}\n`));
    for await (const chunk of chunks) await write(chunk);
    await file.writeFile(hash.digest());
  });
}

/** @throws {FailureError} it is no snapshot, or it is damaged. */
export async function checkSnapshot(path: string): Promise<SnapshotFacts> {
  const { size } = await stat(path).catch((cause) => {
    throw new FailureError(`${path} cannot be read: ${cause.message}`, { cause });
  });
  const contentBytes = size - digestBytes;
  const start = Buffer.alloc(Math.min(size, 1_024));
  const file = await open(path);
  const digest = Buffer.alloc(digestBytes);
  try {
    await file.read(start, 0, start.length, 0);
    if (contentBytes > 0) await file.read(digest, 0, digestBytes, contentBytes);
  } finally {
    await file.close();
  }
  const header = readHeader(start.toString('latin1'));
  if (header === null && size % etcdPageBytes !== digestBytes) throw new FailureError(`${path} is no snapshot`);
  const hash = await hashOf(path, contentBytes);
  if (!hash.equals(digest))
    throw new FailureError(`${path} is damaged, or cut off: its bytes do not have its checksum`);
  return { header, hash: hash.toString('hex').slice(0, 8), sizeBytes: size };
}

function readHeader(start: string): SnapshotHeader | null {
  const [, json] = start.startsWith(magic) ? start.split('\n') : [];
  const { revision, keys } = parseObject(json ?? '');
  return typeof revision === 'number' && typeof keys === 'number' ? { revision, keys } : null;
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

async function hashOf(path: string, length: number): Promise<Buffer> {
  const hash = createHash('sha256');
  if (length > 0) for await (const part of createReadStream(path, { end: length - 1 })) hash.update(part);
  return hash.digest();
}
