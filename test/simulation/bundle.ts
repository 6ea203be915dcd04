/** The simulator as one file that a process of its own runs: its sources are read and compiled once, not in each process. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Edit } from './mutants.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What packages that were written for `require` need in a bundle of modules. */
const requireInModules = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

/**
 * For the processes that run bundles: what a day leaves behind is garbage when it is over, so that little need be kept;
 * there are as many of them as processors, so that threads of their own for the garbage would only stand in line; and most
 * errors are of a fault that was made on purpose, whose stack nobody reads.
 */
export const nodeOptions = ['--max-semi-space-size=64', '--single-threaded-gc', '--stack-trace-limit=2'];

export interface BundleOptions {
  /** A file in `test/simulation`. */
  entry: string;
  outfile: string;
  /** Changes of the sources on the way. */
  edits?: readonly Edit[];
}

/** @throws an edit does not apply: its text is not there just once, or nothing reads its file. */
export async function bundle({ entry, outfile, edits = [] }: BundleOptions): Promise<void> {
  const pending = new Set(edits.map(({ file }) => join(root, file)));
  await build({
    ...{ entryPoints: [join(root, 'test/simulation', entry)], outfile, bundle: true, logLevel: 'silent' },
    ...{ platform: 'node', format: 'esm', target: 'node20', banner: { js: requireInModules } },
    plugins: edits.length > 0 ? [editing(edits, pending)] : [],
  });
  if (pending.size > 0) throw new Error(`nothing reads ${[...pending].join()}`);
}

function editing(edits: readonly Edit[], pending: Set<string>): Plugin {
  return {
    name: 'edits',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (!pending.delete(path)) return null;
        const text = await readFile(path, 'utf8');
        return {
          contents: edits.filter(({ file }) => join(root, file) === path).reduce(applyEdit, text),
          loader: 'ts',
        };
      }),
  };
}

/** @throws its text is not there just once. */
export function applyEdit(text: string, { file, find, replace }: Edit): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`an edit does not apply: its text is ${times} times in ${file}: ${find}`);
  return text.replace(find, () => replace);
}
