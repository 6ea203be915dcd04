import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../shared/domain/events.ts';
import type { Caused, Commit } from '../shared/protocol/commit.ts';
import { describeEvent, formatTime, renderEvent } from './timeline.ts';

const machine = '113f16a7aaaaaaaaaaaaaaaaaaaaaaaa';

function line(event: Caused<Event>, rest: Partial<Commit> = {}): string {
  const commit = { v: 1, id: 'i', at: 0, by: 'scheduler/s1', cause: 'c1', prev: '', events: [event], ...rest };
  return renderEvent(commit, 42, event, false);
}

test('a line says when, where on the log, who, what, why, and who wanted it', () => {
  const at = new Date(2025, 10, 23, 14, 0, 1, 5).getTime();
  const commands = [{ id: 'c1', type: 'StartUnits', by: 'root@vm' }];
  const event: Event = {
    ...{ type: 'UnitPlaced', unit: 'a.service', machine, reason: 'it was started', score: { load: 0, units: 0 } },
    rejected: { 'metadata zone is not a': 2 },
  };
  assert.equal(
    line(event, { at, commands }),
    '2025-11-23 14:00:01.005  #42  scheduler/s1  a.service placed on 113f16a7…: it was started; ' +
      'passed over 2 machines: metadata zone is not a (StartUnits by root@vm)',
  );
});

test('an event with a cause of its own shows that, not that of its commit', () => {
  const lost = { type: 'MachineLost', machine, reason: 'no heartbeat for 2.0 s', cause: 'heartbeat-lost' } as const;
  const commands = [{ id: 'c1', type: 'StartUnits', by: 'root@vm' }];
  assert.match(line(lost, { commands }), /machine 113f16a7… lost: no heartbeat for 2\.0 s \(heartbeat-lost\)$/);
});

test('reports are told in the words of systemd', () => {
  const report: Event = {
    ...{ type: 'UnitStateReported', machine, unit: 'a.service', hash: 'f00', load: 'loaded' },
    ...{ active: 'failed', sub: 'failed', result: 'exit-code', goal: 7, reason: 'main process exited with status 1' },
  };
  const text = line(report, { by: `node/${machine}`, cause: 'goal 7' });
  assert.match(
    text,
    / node\/113f16a7… {2}a\.service failed \(failed\) on 113f16a7…: main process exited with status 1/,
  );
});

test('a step of a rollout says what was replaced, and what cannot be', () => {
  const step = { type: 'RolloutStepped', rollout: 'r' } as const;
  const replaced = 'a.service replaced as their rollout goes on';
  assert.equal(describeEvent({ ...step, units: ['a.service'] }), replaced);
  const refused = { 'b.service': 'it would be in a circle' };
  const not = 'b.service cannot be replaced: it would be in a circle';
  assert.equal(describeEvent({ ...step, units: ['a.service'], refused }), `${replaced}; ${not}`);
  assert.equal(describeEvent({ ...step, units: [], refused }), not);
});

test('times sort as text', () => {
  const times = [0, 1, 999, 1000, 60_000, 3_600_000, 86_400_000 * 40].map(formatTime);
  assert.deepEqual([...times].sort(), times);
});

test('of a unit that runs on every machine, it is told where it is not; old histories say neither more nor less', () => {
  const told = (rejected: Record<string, number>, places?: number) =>
    describeEvent({
      type: 'UnitLeftWaiting',
      unit: 'a.service',
      rejected,
      ...(places === undefined ? {} : { places }),
    });
  assert.equal(told({}, 3), 'a.service is on 3 machines: on all that are ready');
  assert.equal(
    told({ 'machine cordoned': 1, 'no docker runtime': 2 }, 1),
    'a.service is on 1 machine, and not on 2 machines: no docker runtime; 1 machine: machine cordoned',
  );
  assert.equal(told({}, 0), 'a.service finds no machine: no machine is ready');
  assert.equal(told({ 'machine cordoned': 1 }, 0), 'a.service finds no machine: 1 machine: machine cordoned');
  assert.equal(told({}), 'a.service finds no (further) machine: no machine is ready');
});
