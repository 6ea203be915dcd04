import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findGaps, findOverlaps, parseRuns } from './counters.ts';

const unit = 'a.service';

test('a run lasts from its first line to its last one; half a line is not counted', () => {
  const text = '1.00 start x m1\n1.20 beat x m1\n5.00 start y m2\n1.40 stop x m1\n5.20 beat y';
  assert.deepEqual(parseRuns(unit, text), [
    { unit, machine: 'm1', from: 1, to: 1.4 },
    { unit, machine: 'm2', from: 5, to: 5 },
  ]);
});

test('two runs of one unit at once are found, on whatever machines; those of different units are not', () => {
  const run = (name: string, machine: string, from: number, to: number) => ({ unit: name, machine, from, to });
  const runs = [run('a', 'm1', 0, 10), run('a', 'm2', 9, 20), run('a', 'm2', 20, 30), run('b', 'm1', 0, 30)];
  assert.deepEqual(findOverlaps(runs), [{ unit: 'a', machines: ['m1', 'm2'], from: 9, to: 10 }]);
});

test('a unit is away between its runs, and not while another run covers the time', () => {
  const run = (from: number, to: number) => ({ unit, machine: 'm', from, to });
  assert.deepEqual(findGaps([run(12, 20), run(0, 10), run(2, 5)]), [{ unit, from: 10, to: 12 }]);
});
