/** Hunts mutants: each is made on the way into a bundle of its own, which plays seeds in a process of its own. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, nodeOptions } from './bundle.ts';
import type { Mutant } from './mutants.ts';
import type { Failure, SearchReport } from './search.ts';

const regressions = fileURLToPath(new URL('regressions', import.meta.url));

export interface Hunt {
  mutant: Mutant;
  /** The first seed that finds it, and what it broke; null: none did. */
  found: Failure | null;
  seeds: number;
}

export interface HuntOptions {
  first?: number;
  seeds?: number;
  /** Of these, only the days with this plot. */
  plot?: string;
  /** A file in `regressions/`: its day, with so many seeds from its own one on. */
  schedule?: string;
}

/**
 * Runs seeds on the mutated sources until one fails.
 * @throws the mutant does not apply any more: its text is not there, or not just once; or its sources do not run.
 */
export async function hunt(mutant: Mutant, options: HuntOptions): Promise<Hunt> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-mutant-'));
  try {
    const program = join(directory, 'hunt.mjs');
    await bundle({ entry: 'huntMain.ts', outfile: program, edits: mutant.edits }).catch((cause) => {
      throw new Error(`the mutant "${mutant.name}" does not run: ${cause.message}`, { cause });
    });
    const { seeds, failures } = await searchIn(program, options);
    return { mutant, found: failures[0] ?? null, seeds };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Seeds are played one after the other in one process. */
function searchIn(program: string, { first = 1, seeds = 1, plot = '', schedule }: HuntOptions): Promise<SearchReport> {
  return new Promise((resolve, reject) => {
    const args =
      schedule === undefined ? [String(first), String(seeds), plot] : [join(regressions, schedule), String(seeds)];
    const child = spawn(process.execPath, [...nodeOptions, program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, errors] = ['', ''];
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output));
      else reject(new Error(`the simulation of a mutant ended with ${code}: ${errors.slice(-2_000)}`));
    });
  });
}
