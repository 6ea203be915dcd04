import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { evolve } from '../../shared/domain/cluster.ts';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { Dependencies } from '../../shared/domain/dependencies.ts';
import type { ClusterEvent, Event, UnitReport } from '../../shared/domain/events.ts';
import { restoreState, serializeState } from '../../shared/domain/serializeState.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { joined, placed, report, submission, submitted } from '../../test/support/samples.ts';
import { hasOpenTriggers, trigger } from './triggering.ts';

const said = (unit: string, changes: Partial<UnitReport>): Event => ({
  type: 'UnitStateReported',
  machine: 'm1',
  ...report(unit, { goal: 100, ...changes }),
});
const failed: Partial<UnitReport> = { active: 'failed', sub: 'failed', result: 'exit-code' };
const ended: Partial<UnitReport> = { active: 'inactive', sub: 'dead' };
const up: Partial<UnitReport> = { active: 'active' };

/** A unit with these, which runs on m1. */
function running(name: string, dependencies: Dependencies): ClusterEvent[] {
  return [
    submitted(submission(name, {}, { dependencies })),
    { type: 'UnitLaunchRequested', unit: name },
    placed(name, 'm1'),
  ];
}

/** What is decided now; it is so then. */
function decided(state: ClusterState): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  trigger(state, (event) => {
    events.push(event);
    evolve(state, event, { seq: 1_000 + events.length, at: 0 });
  });
  return events;
}

/** The units that are started, each with why. */
function starts(events: readonly ClusterEvent[]): string[] {
  return events.flatMap((event) => (event.type === 'UnitLaunchRequested' ? `${event.unit}: ${event.reason}` : []));
}

const alarm = submitted(submission('alarm.service'));

describe('a unit that has failed', () => {
  const base = [joined('m1'), alarm, ...running('a.service', { OnFailure: ['alarm.service'] })];

  test('has what its OnFailure= names started, once, with the reason', () => {
    const state = fold([...base, said('a.service', up), said('a.service', failed)]);
    assert.deepEqual(starts(decided(state)), ['alarm.service: OnFailure= of a.service, which has failed (exit-code)']);
    assert.equal(hasOpenTriggers(state), false);
    evolve(state, said('a.service', { ...failed, reason: 'told again' }), { seq: 2_000, at: 0 });
    assert.deepEqual(decided(state), []);
  });

  test('and is told anew after a loss of contact starts nothing anew; one that failed meanwhile does', () => {
    const synced: Event = { type: 'NodeSynced', machine: 'm1', session: 'm1-1', reason: 'joined again' };
    const state = fold([...base, said('a.service', up), said('a.service', failed)]);
    decided(state);
    for (const event of [synced, said('a.service', failed)]) evolve(state, event, { seq: 2_000, at: 0 });
    assert.equal(hasOpenTriggers(state), false);
    const other = fold([...base, said('a.service', up), synced, said('a.service', failed)]);
    assert.equal(hasOpenTriggers(other), true);
  });

  test('starts again what has run before and ended, and lets alone what runs', () => {
    const withAlarm = [...base, ...running('alarm.service', {}), said('a.service', up)];
    const hasEnded = fold([...withAlarm, said('alarm.service', ended), said('a.service', failed)]);
    assert.equal(starts(decided(hasEnded)).length, 1);
    const runs = fold([...withAlarm, said('alarm.service', up), said('a.service', failed)]);
    assert.deepEqual(starts(decided(runs)), []);
  });

  test('makes an instance of its template, and says what it cannot start and why', () => {
    const names = ['mail@a.service', 'nowhere.service'];
    const state = fold([
      joined('m1'),
      submitted(submission('mail@.service')),
      ...running('a.service', { OnFailure: names }),
      said('a.service', up),
      said('a.service', failed),
    ]);
    const events = decided(state);
    assert.match(starts(events).join(), /^mail@a\.service: OnFailure= of a\.service/);
    const last = events.at(-1);
    assert.ok(last?.type === 'UnitTriggered');
    assert.match(last.refused?.['nowhere.service'] ?? '', /not known/);
  });

  test('does not start what would start it in turn', () => {
    const state = fold([
      joined('m1'),
      ...running('b.service', { OnFailure: ['a.service'] }),
      ...running('a.service', { OnFailure: ['b.service'] }),
      said('b.service', failed),
      said('a.service', up),
      said('a.service', failed),
    ]);
    const events = decided(state);
    assert.deepEqual(starts(events), []);
    assert.match(JSON.stringify(events), /a circle/);
  });

  test('tells what it starts how it has ended, until that is wished anew', () => {
    const state = fold([
      ...base,
      said('a.service', { ...up, invocation: 'first' }),
      said('a.service', { ...failed, exit: { code: 3 }, invocation: 'first' }),
    ]);
    decided(state);
    const monitored = () => state.units.get('alarm.service')?.monitored;
    assert.deepEqual(monitored(), { unit: 'a.service', result: 'exit-code', exit: { code: 3 }, invocation: 'first' });
    evolve(state, { type: 'UnitRestartRequested', unit: 'alarm.service' }, { seq: 2_000, at: 0 });
    assert.equal(monitored(), undefined);
  });

  test('tells nothing where others may start it too, and no more than is known where it was started again since', () => {
    const two = fold([
      ...base,
      ...running('b.service', { OnSuccess: ['alarm.service'] }),
      said('a.service', up),
      said('a.service', failed),
    ]);
    decided(two);
    assert.equal(two.units.get('alarm.service')?.monitored, undefined);
    const again = fold([...base, said('a.service', up), said('a.service', failed), said('a.service', up)]);
    decided(again);
    assert.deepEqual(again.units.get('alarm.service')?.monitored, { unit: 'a.service', result: 'exit-code' });
  });

  test('is remembered in a snapshot', () => {
    const state = restoreState(serializeState(fold([...base, said('a.service', up), said('a.service', failed)])));
    assert.equal(starts(decided(state)).length, 1);
  });
});

describe('a unit that another unit of its machine has started', () => {
  const all = submission(
    'all.target',
    {},
    { dependencies: { Wants: ['here.service', 'there.service', 'x@1.service'] } },
  );
  const base = [
    joined('m1'),
    ...[all, submission('there.service'), submission('x@.service'), submission('own.service')].map((each) =>
      submitted(each),
    ),
    submitted(submission('late.service', {}, { dependencies: { WantedBy: ['all.target'] } })),
    ...running('here.service', {}),
    ...running('foe.service', { Conflicts: ['all.target'] }),
    { type: 'UnitLoadRequested', unit: 'all.target' } as const,
    { type: 'UnitLoadRequested', unit: 'late.service' } as const,
    placed('all.target', 'm1'),
  ];
  const activated = (at: number) => said('all.target', { ...up, activatedAt: at });

  test('has what it wants elsewhere started, once each time, and what it conflicts with stopped', () => {
    const state = fold([...base, said('all.target', ended), activated(5)]);
    const events = decided(state);
    assert.deepEqual(starts(events), [
      ...['late.service', 'there.service', 'x@1.service'].map((unit) => `${unit}: wanted by all.target`),
    ]);
    const stopped = events.flatMap((event) => (event.type === 'UnitLoadRequested' ? [event] : []));
    assert.deepEqual(stopped, [
      { type: 'UnitLoadRequested', unit: 'foe.service', reason: 'all.target, which conflicts with it, was started' },
    ]);
    const synced: Event = { type: 'NodeSynced', machine: 'm1', session: 'm1-1', reason: 'joined again' };
    for (const event of [synced, activated(5)]) evolve(state, event, { seq: 2_000, at: 0 });
    assert.equal(hasOpenTriggers(state), false);
    evolve(state, activated(6), { seq: 2_001, at: 0 });
    assert.equal(hasOpenTriggers(restoreState(serializeState(state))), true);
  });

  test('has nothing started where it wants nothing elsewhere', () => {
    const lonely = [
      ...running('own.service', { Wants: ['here.service', 'unknown.service'] }),
      ...running('here.service', {}),
    ];
    const state = fold([joined('m1'), ...lonely, said('own.service', { ...up, activatedAt: 5 })]);
    assert.equal(hasOpenTriggers(state), false);
  });

  test('and has failed since, has both done', () => {
    const job = running('job.service', { OnFailure: ['alarm.service'], Wants: ['there.service'] });
    const state = fold([
      ...[joined('m1'), alarm, submitted(submission('there.service')), ...job],
      ...[said('job.service', { ...up, activatedAt: 5 }), said('job.service', failed)],
    ]);
    assert.deepEqual(starts(decided(state)), [
      'there.service: wanted by job.service',
      'alarm.service: OnFailure= of job.service, which has failed (exit-code)',
    ]);
    assert.equal(hasOpenTriggers(state), false);
  });
});

describe('a unit that has ended well', () => {
  const base = [joined('m1'), alarm, ...running('a.service', { OnSuccess: ['alarm.service'] })];

  test('has what its OnSuccess= names started', () => {
    const state = fold([...base, said('a.service', up), said('a.service', ended)]);
    assert.deepEqual(starts(decided(state)), ['alarm.service: OnSuccess= of a.service, which has ended']);
  });

  test('is another than one that was never started, or failed', () => {
    for (const reports of [[ended], [up, failed], [failed, ended]]) {
      const state = fold([...base, ...reports.map((changes) => said('a.service', changes))]);
      assert.equal(hasOpenTriggers(state), false, JSON.stringify(reports));
    }
  });
});
