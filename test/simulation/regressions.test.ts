import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { describeSchedule, describeViolations } from './describe.ts';
import { generateSchedule } from './generate.ts';
import { runSchedule } from './run.ts';
import type { Schedule } from './schedule.ts';

const regressions = new URL('regressions/', import.meta.url);

test('a seed is one run: played again, everything happens again at the same moment', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const [one, other] = [await runSchedule(generateSchedule(seed)), await runSchedule(generateSchedule(seed))];
    assert.deepEqual(other.world.trace.lines, one.world.trace.lines);
    assert.equal(other.hash, one.hash);
    assert.ok(one.commits > 20, 'something happened');
  }
});

for (const name of (await readdir(regressions)).filter((file) => file.endsWith('.json'))) {
  test(`what was broken once is not broken again: ${name}`, async () => {
    const schedule: Schedule = JSON.parse(await readFile(new URL(name, regressions), 'utf8'));
    const result = await runSchedule(schedule);
    const report = [...describeSchedule(schedule), ...describeViolations(result)].join('\n');
    assert.equal(result.violations.length, 0, report);
  });
}
