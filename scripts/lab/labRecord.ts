/** A lab's directory and the names of what it makes outside of it: all hold the lab's id, so that all of it can be found. */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readIfThere } from '../../shared/embedded/files.ts';
import { identify, isAlive, type ProcessIdentity } from '../../shared/embedded/processIdentity.ts';

export interface LabRecord {
  /** 8 hex digits. */
  readonly id: string;
  /** Everything of the lab lives here. */
  readonly dir: string;
}

const prefix = 'flotilla-lab-';

/** Where `ip netns` keeps its namespaces: ip-netns(8). */
export const namespacesDir = '/var/run/netns';

export function namespaceName({ id }: Pick<LabRecord, 'id'>, host: string): string {
  return `${prefix}${id}-${host}`;
}

export function namespacePath(lab: Pick<LabRecord, 'id'>, host: string): string {
  return join(namespacesDir, namespaceName(lab, host));
}

/** Machine ids begin with the lab's id: what nodes name after their machine is found by it. */
export function machineIdOf({ id }: Pick<LabRecord, 'id'>, number: number): string {
  return id + number.toString(16).padStart(24, '0');
}

/** Control groups of a machine's containers, below each hierarchy's root. */
export function controlGroupOf({ id }: Pick<LabRecord, 'id'>, host: string): string {
  return `/${prefix}${id}/${host}`;
}

/** Makes a lab's directory, which says that this process runs it. */
export async function createLabRecord(): Promise<LabRecord> {
  const id = randomBytes(4).toString('hex');
  const dir = join(tmpdir(), prefix + id);
  await mkdir(dir, { mode: 0o755 });
  await writeFile(holderFile(dir), JSON.stringify(await identify(process.pid)));
  return { id, dir };
}

/** The labs whose process has died without removing them. */
export async function deadLabs(): Promise<LabRecord[]> {
  const names = (await readdir(tmpdir())).filter((name) => name.startsWith(prefix));
  const labs = names.map((name) => ({ id: name.slice(prefix.length), dir: join(tmpdir(), name) }));
  const dead = await Promise.all(labs.map(async ({ dir }) => !(await isHeld(dir))));
  return labs.filter((_, index) => dead[index]);
}

async function isHeld(dir: string): Promise<boolean> {
  const text = await readIfThere(holderFile(dir));
  if (!text) return false;
  return isAlive(JSON.parse(text) as ProcessIdentity);
}

function holderFile(dir: string): string {
  return join(dir, 'holder.json');
}
