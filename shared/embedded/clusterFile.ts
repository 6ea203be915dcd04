import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIfThere } from './files.ts';
import type { ProcessIdentity } from './processIdentity.ts';

/**
 * `DIR/flotilla.json`: how to reach the cluster that `flotilla up` runs in DIR, and its processes. It holds the
 * password, and whoever has that may run programs on the machines: mode 0600. A process that does not run has no pid.
 */
export interface ClusterFile extends Partial<ProcessIdentity> {
  /** `nats://127.0.0.1:4222`; of several servers, all of them, separated by commas. */
  server: string;
  user?: string;
  password?: string;
  /** None when the cluster uses somebody else's. */
  nats: NatsEntry[];
  schedulers: Partial<ProcessIdentity>[];
  stores: StoreEntry[];
  /** fleet's HTTP API; none or one. */
  apis: ApiEntry[];
  nodes: NodeEntry[];
}

/** A NATS server of the cluster's own. */
export interface NatsEntry extends Partial<ProcessIdentity> {
  port: number;
  /** Where the other servers reach it; absent: there are none. */
  routePort?: number;
}

export interface NodeEntry extends Partial<ProcessIdentity> {
  /** Machine id, 32 hex digits. */
  id: string;
  dir: string;
}

/** A key/value store. */
export interface StoreEntry extends Partial<ProcessIdentity> {
  /** Where it serves etcd's API, on the loopback interface. */
  port: number;
}

/** Fleet's HTTP API. */
export interface ApiEntry extends Partial<ProcessIdentity> {
  /** Where it is served, on the loopback interface. */
  port: number;
}

/** `flotilla.json` is there but cannot be understood. */
export class ClusterFileError extends Error {
  override readonly name = 'ClusterFileError';
}

export function clusterFilePath(dir: string): string {
  return join(dir, 'flotilla.json');
}

/**
 * What `flotilla up` left or keeps in this directory; null when no cluster was ever started there.
 * @throws {ClusterFileError}
 */
export async function readClusterFile(dir: string): Promise<ClusterFile | null> {
  const path = clusterFilePath(dir);
  const text = await readIfThere(path);
  if (text === null) return null;
  try {
    const file: unknown = JSON.parse(text);
    if (isClusterFile(file)) return current(file);
  } catch (cause) {
    throw new ClusterFileError(`${path} is not JSON`, { cause });
  }
  throw new ClusterFileError(`${path} was not written by this version of flotilla: remove it, or use another --dir`);
}

/** Older versions had neither stores nor an API, and one NATS server or none. */
function current(file: ClusterFile): ClusterFile {
  const { nats = [] }: { nats?: NatsEntry | NatsEntry[] } = file;
  return { ...file, nats: [nats].flat(), stores: file.stores ?? [], apis: file.apis ?? [] };
}

function isClusterFile(file: unknown): file is ClusterFile {
  if (typeof file !== 'object' || file === null) return false;
  const { server, schedulers, nodes } = file as Record<string, unknown>;
  return typeof server === 'string' && Array.isArray(schedulers) && Array.isArray(nodes);
}

/** Keeps `flotilla.json` up to date. Readers see the old or the new file, never a half. */
export interface ClusterRecord {
  readonly current: Readonly<ClusterFile>;
  /** Changes the record and resolves when the file says so. Calls at the same time are written one after the other. */
  update(change: (file: ClusterFile) => void): Promise<void>;
}

export function createClusterRecord(dir: string, initial: ClusterFile): ClusterRecord {
  let written = Promise.resolve();
  return {
    current: initial,
    update(change) {
      change(initial);
      const text = `${JSON.stringify(initial, null, 2)}\n`;
      const write = () => replaceFile(clusterFilePath(dir), text);
      const result = written.then(write, write);
      written = result;
      return result;
    },
  };
}

async function replaceFile(path: string, text: string): Promise<void> {
  const staged = `${path}.${process.pid}.new`;
  await writeFile(staged, text, { mode: 0o600 });
  await rename(staged, path);
}
