import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { applyEdit } from './bundle.ts';
import { hunt } from './hunt.ts';
import { mutants } from './mutants.ts';

const root = new URL('../../', import.meta.url);
/** A change of the sources may hide a mutant from the seed that found it; then one of the next does. */
const seeds = 25;

test('every mutant changes the sources as they are, each in one place', async () => {
  for (const edit of mutants.flatMap(({ edits }) => edits))
    applyEdit(await readFile(new URL(edit.file, root), 'utf8'), edit);
});

test('the table in docs/simulator.md has every mutant, with what finds it', async () => {
  const rows = (await readFile(new URL('docs/simulator.md', root), 'utf8')).split('\n');
  const missing = mutants.filter(({ name, seed }) => {
    const found = typeof seed === 'string' ? `\`regressions/${seed}\`` : String(seed);
    return !rows.some((row) => row.startsWith(`| ${name} | ${found} | `));
  });
  assert.deepEqual(missing, []);
});

for (const mutant of mutants) {
  const { name, seed } = mutant;
  test(`the simulator finds a mutant: ${name}`, async () => {
    // That nothing is wrong on such days without the mutant, the tests of the seeds and regressions say.
    const days = typeof seed === 'string' ? { schedule: seed } : { first: seed };
    const { found } = await hunt(mutant, { ...days, seeds });
    assert.notEqual(
      found,
      null,
      `${seed} does not find it any more: npm run simulate -- --mutants says which seed does`,
    );
  });
}
