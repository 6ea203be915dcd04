import { createHash } from 'node:crypto';
import { closeSync, openSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs';
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

/** As it stands in the file: what was written later has a higher number. */
export interface NumberedLeases extends LeaseRecord {
  written: number;
}

/** Ms since the machine was started, the time that it slept included: so that no lease is longer for a machine's sleep. */
export function sinceBoot(): number {
  return uptime() * 1000;
}

export function leaseFilePath(directory: string): string {
  return join(directory, 'lease.json');
}

/** A slot grows by so many bytes. */
const pageBytes = 4_096;

/**
 * Writes the leases: at each heartbeat that renews, and at once, so that no start gets ahead of it. Two records stand in
 * the file, each with its checksum, and are overwritten in turn: that needs no room on a disk that is full, and one of
 * them is whole whenever the writer is killed.
 */
export class LeaseFile {
  readonly #path: string;
  #slotBytes: number;
  #written: number;

  private constructor(path: string, slotBytes: number, written: number) {
    this.#path = path;
    this.#slotBytes = slotBytes;
    this.#written = written;
  }

  /** Goes on with the file that is there. */
  static async open(directory: string): Promise<LeaseFile> {
    const path = leaseFilePath(directory);
    const text = await readIfThere(path);
    const written = newestOf(text)?.written;
    return written === undefined ? new LeaseFile(path, 0, 0) : new LeaseFile(path, (text?.length ?? 0) / 2, written);
  }

  /** @throws there is no room for what is new in it, or the disk does not take it. */
  write(leases: LeaseRecord): void {
    if (leases.units.length === 0) return this.#remove();
    this.#written += 1;
    const line = encode({ ...leases, written: this.#written });
    if (line.length < this.#slotBytes) this.#overwrite(line);
    else this.#create(line);
  }

  #overwrite(line: Buffer): void {
    const file = openSync(this.#path, 'r+');
    try {
      writeSync(file, padded(line, this.#slotBytes), 0, this.#slotBytes, (this.#written % 2) * this.#slotBytes);
    } finally {
      closeSync(file);
    }
  }

  #create(line: Buffer): void {
    const slotBytes = Math.ceil((2 * line.length) / pageBytes) * pageBytes;
    const slot = padded(line, slotBytes);
    writeFileSync(`${this.#path}.new`, Buffer.concat([slot, slot]), { mode: 0o600 });
    renameSync(`${this.#path}.new`, this.#path);
    this.#slotBytes = slotBytes;
  }

  #remove(): void {
    rmSync(this.#path, { force: true });
    this.#slotBytes = 0;
  }
}

function encode(leases: NumberedLeases): Buffer {
  const text = JSON.stringify(leases);
  return Buffer.from(`${checksum(text)} ${text}`);
}

function padded(line: Buffer, bytes: number): Buffer {
  const slot = Buffer.alloc(bytes, ' ');
  line.copy(slot);
  slot[bytes - 1] = '\n'.charCodeAt(0);
  return slot;
}

/** Null: there are no leases, or what is in the file is none of them. */
export async function readLeases(directory: string): Promise<LeaseRecord | null> {
  const newest = newestOf(await readIfThere(leaseFilePath(directory)));
  if (newest === null) return null;
  const { written: _, ...leases } = newest;
  return leases;
}

function newestOf(text: string | null): NumberedLeases | null {
  const records = text?.split('\n').flatMap((line) => decode(line) ?? []) ?? [];
  return records.toSorted((a, b) => b.written - a.written)[0] ?? null;
}

function decode(line: string): NumberedLeases | null {
  const [, sum, text = ''] = /^(\w+) (.*?) *$/.exec(line) ?? [];
  return sum === checksum(text) ? parseLeases(new TextEncoder().encode(text)) : null;
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
