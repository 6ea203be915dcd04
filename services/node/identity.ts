import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, hostname, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Resources } from '../../shared/domain/unitSpec.ts';

export interface Identity {
  /** 32 hex digits, as in machine-id(5). */
  machine: string;
  /** Made once for this directory: tells this node from another one that has the same machine id. */
  nodeKey: string;
  bootId: string;
  hostname: string;
}

/**
 * Who this node is. The machine id is the one that is asked for, else that of the node's directory, else the host's.
 * @throws the directory cannot be written.
 */
export async function readIdentity(directory: string, machineId: string | undefined): Promise<Identity> {
  await mkdir(directory, { recursive: true });
  const machine = machineId ?? (await readOr(join(directory, 'machine-id'), hostMachineId));
  const nodeKey = await readOr(join(directory, 'node-key'), () => Promise.resolve(randomId()));
  return { machine, nodeKey, bootId: await bootId(), hostname: hostname() };
}

/** The file's first line; where there is no file, it is made. */
async function readOr(path: string, make: () => Promise<string>): Promise<string> {
  const known = await firstLine(path);
  if (known) return known;
  const made = await make();
  await writeFile(path, `${made}\n`, { mode: 0o600 });
  return made;
}

async function hostMachineId(): Promise<string> {
  return (await firstLine('/etc/machine-id')) || randomId();
}

/** Where the kernel does not tell (it is Linux that does), each start counts as a boot. */
async function bootId(): Promise<string> {
  return (await firstLine('/proc/sys/kernel/random/boot_id')) || randomId();
}

async function firstLine(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split('\n', 1)[0]?.trim() ?? '';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

function randomId(): string {
  return randomBytes(16).toString('hex');
}

export function hostCapacity(): Resources {
  return { memoryBytes: totalmem(), cpus: availableParallelism() };
}
