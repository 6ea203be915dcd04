import assert from 'node:assert/strict';
import { test } from 'node:test';
import { searchInWorkers } from './parallel.ts';

/** That nothing is broken on the days of these seeds. */
export function testSeeds(first: number, last: number): void {
  test(`nothing is broken on the bad days ${first} to ${last}`, async () => {
    const count = last - first + 1;
    const { failures, faults, commits } = await searchInWorkers({ first, count, workers: 1 });
    assert.deepEqual(failures, [], `npm run simulate -- --seed ${failures[0]?.seed} says more`);
    assert.ok(faults > 5 * count && commits > 20 * count, `there were ${faults} faults and ${commits} commits`);
  });
}
