import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSchedule, describeViolations } from './describe.ts';
import { generateSchedule } from './generate.ts';
import { type RunResult, runSchedule } from './run.ts';
import type { Schedule, TimedAction } from './schedule.ts';
import { firstDependentVersion, unitNames } from './units.ts';

/** The same day with units that depend on each other. */
function withDependencies(schedule: Schedule): Schedule {
  const units = [...unitNames];
  const submitted: TimedAction = { atMs: 100, do: 'replace', client: 0, units, version: firstDependentVersion };
  const actions = schedule.actions.map((action) =>
    action.do === 'replace' || action.do === 'rollOut'
      ? { ...action, version: action.version + firstDependentVersion }
      : action,
  );
  return { ...schedule, actions: [submitted, ...actions] };
}

/** What the end of the day has to show, beside everything that always has to hold. */
function checkPlaces({ world }: RunResult): void {
  const { units } = world.audit.state;
  for (const [unit, required] of [
    ['plain-2.service', 'plain-1.service'],
    ['apart-1.service', 'everywhere.service'],
  ] as const) {
    const places = Object.keys(units.get(required)?.machines ?? {});
    if (places.length === 0) continue;
    for (const machine of Object.keys(units.get(unit)?.machines ?? {}))
      assert.ok(places.includes(machine), `${unit} is on ${machine}, ${required} on ${places.join()}`);
  }
}

test('units that depend on each other come through bad days, beside each other', async () => {
  const reasons = new Set<string>();
  for (let seed = 1; seed <= 25; seed++) {
    const schedule = withDependencies(generateSchedule(seed));
    const result = await runSchedule(schedule);
    const report = [...describeSchedule(schedule), ...describeViolations(result)].join('\n');
    assert.equal(result.violations.length, 0, report);
    checkPlaces(result);
    for (const { commit } of result.world.audit.records)
      for (const event of commit.events) if ('reason' in event) reasons.add(String(event.reason));
  }
  const seen = [...reasons].join('\n');
  assert.match(seen, /^required by plain-2\.service$/m);
  assert.match(seen, /^plain-1\.service, which it requires, was stopped$/m);
  assert.match(seen, /^everywhere\.service, which it (?:requires|is part of), was restarted$/m);
  assert.match(seen, /^waiting for plain-1\.service, which is /m);
  assert.match(seen, /^it follows plain-1\.service$/m);
});
