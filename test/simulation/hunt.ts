/** Hunts mutants: each is made on the way into a bundle of its own, which plays seeds in a process of its own. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Edit, Mutant } from './mutants.ts';
import type { Failure, SearchReport } from './search.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const regressions = join(root, 'test/simulation/regressions');
/** What packages that were written for `require` need in a bundle of modules. */
const requireInModules = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

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
  /** Instead of seeds: a file in `regressions/`. */
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
    await bundle(mutant, program);
    const { seeds, failures } = await searchIn(program, options);
    return { mutant, found: failures[0] ?? null, seeds };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function bundle({ name, edits }: Mutant, outfile: string): Promise<void> {
  const pending = new Set(edits.map(({ file }) => join(root, file)));
  await build({
    ...{ entryPoints: [join(root, 'test/simulation/huntMain.ts')], outfile, bundle: true, logLevel: 'silent' },
    ...{ platform: 'node', format: 'esm', target: 'node20', banner: { js: requireInModules } },
    plugins: [
      {
        name: 'mutant',
        setup: ({ onLoad }) =>
          onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            if (!pending.delete(path)) return null;
            const text = await readFile(path, 'utf8');
            const mutated = edits
              .filter(({ file }) => join(root, file) === path)
              .reduce((before, edit) => applyEdit(name, before, edit), text);
            return { contents: mutated, loader: 'ts' };
          }),
      },
    ],
  });
  if (pending.size > 0) throw new Error(`the mutant "${name}" does not apply: nothing reads ${[...pending].join()}`);
}

/** @throws its text is not there just once. */
export function applyEdit(name: string, text: string, { file, find, replace }: Edit): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`the mutant "${name}" does not apply: its text is ${times} times in ${file}`);
  return text.replace(find, () => replace);
}

/** Seeds are played one after the other in one process. */
function searchIn(program: string, { first = 1, seeds = 1, plot = '', schedule }: HuntOptions): Promise<SearchReport> {
  return new Promise((resolve, reject) => {
    const args = schedule === undefined ? [String(first), String(seeds), plot] : [join(regressions, schedule)];
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
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
