import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { readIfThere } from '../../shared/embedded/files.ts';
import { parseLeases } from './parseMessages.ts';

/** A unit with a lease, as whoever kills it in the agent's place has to know it. */
export interface LeasedUnit {
  unit: string;
  hash: string;
  graceMs: number;
  stopMs: number;
}

export interface LeaseRecord {
  bootId: string;
  /** When the heartbeat was sent that renewed the leases last: ms since the machine was started, time asleep included. */
  renewedAt: number;
  units: LeasedUnit[];
}

/** Ms since the machine was started, the time that it slept included: so that no lease is longer for a machine's sleep. */
export function sinceBoot(): number {
  return uptime() * 1000;
}

export function leaseFilePath(directory: string): string {
  return join(directory, 'lease.json');
}

/** Whole or not at all. Small, and written at each heartbeat that renews: at once, so that no start gets ahead of it. */
export function writeLeases(directory: string, leases: LeaseRecord): void {
  const path = leaseFilePath(directory);
  if (leases.units.length === 0) return rmSync(path, { force: true });
  writeFileSync(`${path}.new`, JSON.stringify(leases), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Null: there are no leases, or what is in the file is none of them. */
export async function readLeases(directory: string): Promise<LeaseRecord | null> {
  const text = await readIfThere(leaseFilePath(directory));
  if (text === null) return null;
  return parseLeases(new TextEncoder().encode(text));
}
