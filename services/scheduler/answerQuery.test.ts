import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event, UnitReport } from '../../shared/domain/events.ts';
import { Projection } from '../../shared/log/projection.ts';
import type { Awaited } from '../../shared/protocol/queries.ts';
import { hashState } from '../../shared/protocol/stateHash.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { joined, placed, report, submission, submitted } from '../../test/support/samples.ts';
import { allSettled, answerQuery } from './answerQuery.ts';

const launch: Event = { type: 'UnitLaunchRequested', unit: 'a.service' };
const known = [joined('m1'), submitted(submission('a.service'))];
const running = [...known, launch, placed('a.service', 'm1')];
const goal = running.length;
const reported = (changes: Partial<UnitReport> = {}): Event => ({
  type: 'UnitStateReported',
  machine: 'm1',
  ...report('a.service', { goal, ...changes }),
});

const settled = (until: Awaited, events: Event[]) => allSettled(fold(events), ['a.service'], until);

describe('a unit has come to rest', () => {
  const ends: [string, Partial<UnitReport>, boolean][] = [
    ['when it runs', {}, true],
    ['when it has failed', { active: 'failed', sub: 'failed' }, true],
    ['when it waits to be restarted', { active: 'activating', sub: 'auto-restart' }, true],
    ['not while it starts', { active: 'activating', sub: 'start' }, false],
    ['not while it stops', { active: 'deactivating', sub: 'stop-sigterm' }, false],
    ['not when what is reported answers an older wish', { goal: goal - 1 }, false],
  ];
  for (const [title, changes, expected] of ends) {
    test(title, () => assert.equal(settled('launched', [...running, reported(changes)]), expected));
  }
  test('not before its machine has said anything, or it has one', () => {
    assert.equal(settled('launched', running), false);
    assert.equal(settled('launched', [...known, launch]), false);
  });
  test('when no machine takes it', () => {
    assert.equal(
      settled('launched', [...known, launch, { type: 'UnitLeftWaiting', unit: 'a.service', rejected: {} }]),
      true,
    );
  });
  test('inactive, or gone, when no machine has it any more', () => {
    const unload: Event = { type: 'UnitUnloadRequested', unit: 'a.service' };
    const destroy: Event = { type: 'UnitDestroyed', unit: 'a.service' };
    const forgotten: Event = { type: 'UnitStateForgotten', machine: 'm1', unit: 'a.service', reason: 'stopped' };
    for (const [until, event] of [
      ['inactive', unload],
      ['gone', destroy],
    ] as const) {
      assert.equal(settled(until, [...running, reported(), event]), false);
      assert.equal(settled(until, [...running, reported(), event, forgotten]), true);
    }
    assert.equal(settled('gone', running), false);
  });
  test('a global one, when it has on all its machines', () => {
    const everywhere = [joined('m1'), joined('m2'), submitted(submission('a.service', { global: true })), launch];
    const both = [
      ...everywhere,
      placed('a.service', 'm1'),
      placed('a.service', 'm2'),
      { type: 'UnitLeftWaiting', unit: 'a.service', rejected: {} } as const,
    ];
    const second: Event = { type: 'UnitStateReported', machine: 'm2', ...report('a.service', { goal }) };
    assert.equal(settled('launched', [...both, reported()]), false);
    assert.equal(settled('launched', [...both, reported(), second]), true);
  });
});

describe('answers', () => {
  const ask = (events: Event[]) => new Projection(fold(events));

  test('on units say where they are, or why each machine does not take them', () => {
    const zoned = submission('z.service', { metadata: [{ key: 'zone', values: ['x'] }] });
    const waits: Event[] = [
      ...[submitted(zoned), { type: 'UnitLaunchRequested', unit: 'z.service' } as const],
      { type: 'UnitLeftWaiting', unit: 'z.service', rejected: { 'metadata zone is not x': 1 } },
    ];
    const lost: Event[] = [joined('m0'), { type: 'MachineLost', machine: 'm0', reason: '' }];
    const projection = ask([...running, reported(), ...waits, ...lost, joined('m2', { metadata: { zone: 'x' } })]);
    const answer = answerQuery(projection, { type: 'GetUnits', units: ['a.service', 'z.service', 'x.service'] }, 's1');
    assert.ok('units' in answer && Array.isArray(answer.units));
    const [a, z, x] = answer.units;
    assert.ok(a && 'file' in a && z && 'waiting' in z && x && 'settled' in x);
    assert.deepEqual([a.file?.machines, a.file?.state, a.states[0]?.sub], [['m1'], 'launched', 'running']);
    assert.deepEqual(z.waiting, {
      why: 'it was started',
      machines: [
        { id: 'm1', reason: 'metadata zone is not x' },
        { id: 'm2', reason: 'it may take it now' },
      ],
    });
    assert.deepEqual(x, { name: 'x.service', states: [], settled: true });
  });

  test('on the status count machines and units, and name the hash of the state', () => {
    const events: Event[] = [...running, joined('m2'), { type: 'MachineLeft', machine: 'm2', reason: '' }];
    const elected: Event = { type: 'LeaderElected', role: 'scheduler', leader: 's9', epoch: 3, cluster: 'c1' };
    const projection = ask([...events, elected]);
    assert.deepEqual(answerQuery(projection, { type: 'GetStatus' }, 's1'), {
      ...{ scheduler: 's1', leader: 's9', epoch: 3, units: 1 },
      machines: { ready: 1, lost: 0, left: 1 },
      stateHash: hashState(projection.state),
    });
  });
});
