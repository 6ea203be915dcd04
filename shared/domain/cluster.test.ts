import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fold, given } from '../../test/support/deciderSpec.ts';
import { joined, machineFacts, placed, report, submission, submitted } from '../../test/support/samples.ts';
import type { DesiredState } from './clusterState.ts';
import type { ClusterEvent, Event, UnitReport } from './events.ts';
import { serializeState } from './serializeState.ts';
import type { UnitCommand } from './unit.ts';

const a = submission('a.service');
const changed = submission('a.service', {}, { body: 'b' });
const launch: ClusterEvent = { type: 'UnitLaunchRequested', unit: 'a.service' };
const load: ClusterEvent = { type: 'UnitLoadRequested', unit: 'a.service' };
const unload: ClusterEvent = { type: 'UnitUnloadRequested', unit: 'a.service' };
const restart: ClusterEvent = { type: 'UnitRestartRequested', unit: 'a.service' };
const destroyed: ClusterEvent = { type: 'UnitDestroyed', unit: 'a.service' };
const evicted = (unit: string, machine: string, reason = 'why not'): ClusterEvent => ({
  type: 'UnitEvicted',
  unit,
  machine,
  reason,
});
const lost = (machine: string): ClusterEvent => ({ type: 'MachineLost', machine, reason: 'no heartbeat for 2.1 s' });
const waiting = (unit: string, rejected = {}): ClusterEvent => ({ type: 'UnitLeftWaiting', unit, rejected });

/** How a unit comes to be in each of fleet's states. */
const histories: Record<DesiredState, ClusterEvent[]> = {
  inactive: [submitted(a)],
  loaded: [submitted(a), load],
  launched: [submitted(a), launch],
};

describe('verbs on units', () => {
  const bare = { name: 'a.service' };
  const withFile = { name: 'a.service', submission: a };
  const verbs: [UnitCommand['type'], Record<DesiredState, ClusterEvent[]>][] = [
    ['SubmitUnits', { inactive: [], loaded: [], launched: [] }],
    ['LoadUnits', { inactive: [load], loaded: [], launched: [] }],
    ['StartUnits', { inactive: [launch], loaded: [launch], launched: [] }],
    ['StopUnits', { inactive: [], loaded: [], launched: [load] }],
    ['UnloadUnits', { inactive: [], loaded: [unload], launched: [unload] }],
    ['RestartUnits', { inactive: [launch], loaded: [launch], launched: [restart] }],
    ['DestroyUnits', { inactive: [destroyed], loaded: [destroyed], launched: [destroyed] }],
  ];
  for (const [type, outcomes] of verbs) {
    for (const state of ['inactive', 'loaded', 'launched'] as const) {
      const outcome = outcomes[state].map((event) => event.type).join(', ') || 'nothing';
      test(`${type} of one that is ${state} leads to ${outcome}`, () => {
        given(...histories[state])
          .when({ type, units: [bare] })
          .leadsTo(...outcomes[state]);
      });
    }
    test(`${type} of one that is not known is refused`, () => {
      given()
        .when({ type, units: [bare] })
        .isRefused('unit-not-found', /unit a\.service is not known/);
    });
  }

  for (const [type, events] of [
    ['SubmitUnits', []],
    ['LoadUnits', [load]],
    ['StartUnits', [launch]],
  ] as const) {
    test(`${type} brings a unit that is not known yet`, () => {
      given()
        .when({ type, units: [withFile] })
        .leadsTo(submitted(a), ...events);
    });
    test(`${type} with the body that is known already submits nothing`, () => {
      given(submitted(a))
        .when({ type, units: [withFile] })
        .leadsTo(...events);
    });
    test(`${type} with another body is refused, and says both hashes`, () => {
      given(submitted(a))
        .when({ type, units: [{ name: 'a.service', submission: changed }] })
        .isRefused('unit-exists', /another body; use --replace/, [
          'a.service: the cluster has 6100000, you sent 6200000',
        ]);
    });
    test(`${type} with another body and replace submits it`, () => {
      given(submitted(a))
        .when({ type, units: [{ name: 'a.service', submission: changed }], replace: true })
        .leadsTo(submitted(changed), ...events);
    });
  }

  describe('a start of one that is launched already', () => {
    const history = [joined('m1'), joined('m2'), submitted(a), launch, placed('a.service', 'm1')];
    const told = (machine: string, changes: Partial<UnitReport>): Event => ({
      type: 'UnitStateReported',
      machine,
      ...report('a.service', { goal: history.length, ...changes }),
    });
    const starts = (...events: Event[]) => given(...events).when({ type: 'StartUnits', units: [bare] });

    for (const [active, sub] of [
      ['failed', 'failed'],
      ['inactive', 'dead'],
    ] as const) {
      test(`starts it again where it is ${active}`, () => {
        starts(...history, told('m1', { active, sub })).leadsTo(launch);
      });
    }

    for (const [active, sub] of [
      ['active', 'running'],
      ['active', 'exited'],
      ['activating', 'auto-restart'],
      ['deactivating', 'stop-sigterm'],
    ] as const) {
      test(`leaves it alone where it is ${active} (${sub})`, () => {
        starts(...history, told('m1', { active, sub })).leadsTo();
      });
    }

    test('leaves it alone where its machine has not answered the last start yet', () => {
      starts(...history, told('m1', { active: 'failed', sub: 'failed' }), launch).leadsTo();
    });

    test('leaves its start to its new version, where it brings one', () => {
      given(...history, told('m1', { active: 'failed', sub: 'failed' }))
        .when({ type: 'StartUnits', units: [{ name: 'a.service', submission: changed }], replace: true })
        .leadsTo(submitted(changed));
    });

    test('starts a global one again where it is down on one of its machines', () => {
      const everywhere = submission('a.service', { global: true });
      starts(
        ...[joined('m1'), joined('m2'), submitted(everywhere), launch],
        ...[placed('a.service', 'm1'), placed('a.service', 'm2')],
        told('m1', {}),
        told('m2', { active: 'failed', sub: 'failed' }),
      ).leadsTo(launch);
    });
  });

  test('a unit that is named twice is meant once', () => {
    given(submitted(a))
      .when({ type: 'StartUnits', units: [bare, bare] })
      .leadsTo(launch);
  });

  test('one unit that is not known refuses the whole command, and every such unit is named', () => {
    given(submitted(a))
      .when({ type: 'StartUnits', units: [{ name: 'x.service' }, bare, { name: 'y.service' }] })
      .isRefused('unit-not-found', /units are not known/, ['x.service is not known', 'y.service is not known']);
  });

  test('a replaced unit keeps its place where its new version may stay there', () => {
    given(joined('m1'), submitted(a), launch, placed('a.service', 'm1'))
      .when({ type: 'SubmitUnits', units: [{ name: 'a.service', submission: changed }], replace: true })
      .leadsTo(submitted(changed));
  });

  test('a replaced unit gives up every place when its new version asks for another', () => {
    const everywhere = submission('a.service', { global: true });
    const picky = submission('a.service', { metadata: [{ key: 'zone', values: ['a'] }] }, { body: 'b' });
    const reason = 'its new version asks for another place';
    given(
      joined('m1'),
      joined('m2'),
      submitted(everywhere),
      launch,
      placed('a.service', 'm1'),
      placed('a.service', 'm2'),
    )
      .when({ type: 'StartUnits', units: [{ name: 'a.service', submission: picky }], replace: true })
      .leadsTo(submitted(picky), evicted('a.service', 'm1', reason), evicted('a.service', 'm2', reason));
  });
});

describe('machines', () => {
  const join = { type: 'JoinMachine', ...machineFacts('m1') } as const;

  test('a new machine joins', () => {
    given().when(join).leadsTo(joined('m1'));
  });
  test('a machine that is there already joins without effect', () => {
    given(joined('m1')).when(join).leadsTo();
  });
  test('a machine that is there joins again when what is said of it has changed', () => {
    const runtimes = ['process', 'docker'];
    given(joined('m1'))
      .when({ ...join, runtimes })
      .leadsTo(joined('m1', { runtimes }));
  });
  test('the same node started again takes its machine over', () => {
    given(joined('m1'))
      .when({ ...join, session: 'm1-2' })
      .leadsTo(joined('m1', { session: 'm1-2' }));
  });
  test('a node that belongs to another cluster is refused, one that belongs to none or to this one is not', () => {
    const elected: Event = { type: 'LeaderElected', role: 'scheduler', epoch: 1, leader: 's1', cluster: 'c1' };
    given(elected)
      .when({ ...join, cluster: 'c2' })
      .isRefused('another-cluster', /m1 belongs to cluster c2, and the log here is of cluster c1/);
    for (const cluster of ['c1', undefined]) {
      given(elected)
        .when({ ...join, cluster })
        .leadsTo(joined('m1'));
    }
  });
  for (const other of [{ nodeKey: 'other' }, { bootId: 'other' }]) {
    test(`another machine with the id of one that is alive is refused (${Object.keys(other)[0]})`, () => {
      given(joined('m1'))
        .when({ ...join, session: 'x', ...other })
        .isRefused('machine-id-in-use', /m1 is in use by m1/);
    });
    test(`once that one is lost, its id may be taken (${Object.keys(other)[0]})`, () => {
      given(joined('m1'), lost('m1'))
        .when({ ...join, ...other })
        .leadsTo(joined('m1', other));
    });
  }
  test('a machine that was lost or left joins again, even as the same session', () => {
    given(joined('m1'), lost('m1')).when(join).leadsTo(joined('m1'));
    given(joined('m1'), { type: 'MachineLeft', machine: 'm1', reason: 'bye' }).when(join).leadsTo(joined('m1'));
  });

  const leave = { type: 'LeaveMachine', machine: 'm1', session: 'm1-1', reason: 'shut down' } as const;
  test('a machine leaves', () => {
    given(joined('m1')).when(leave).leadsTo({ type: 'MachineLeft', machine: 'm1', reason: 'shut down' });
  });
  test('one that is not there, or was taken over by its next start, leaves without effect', () => {
    given().when(leave).leadsTo();
    given(joined('m1'), lost('m1')).when(leave).leadsTo();
    given(joined('m1', { session: 'm1-2' }))
      .when(leave)
      .leadsTo();
  });
});

describe('what events make of the state', () => {
  const running = [joined('m1'), joined('m2'), submitted(a), launch, placed('a.service', 'm1')];

  test('a submitted unit is known, wishes nothing and has no place', () => {
    const unit = fold([submitted(a)]).units.get('a.service');
    const { name, text, hash, description, placement, resources } = a;
    assert.deepEqual(unit, {
      ...{ name, text, hash, description, placement, resources },
      ...{ desired: 'inactive', machines: {}, goal: 1, restart: 0 },
    });
  });
  test('a unit that shall run is pending until it has a place', () => {
    assert.equal(fold([submitted(a), launch]).pending.get('a.service'), 'it was started');
    assert.equal(fold([submitted(a), load]).pending.get('a.service'), 'it was loaded');
    assert.equal(fold(running).pending.size, 0);
  });
  test('a placed unit knows its token and reason, and its machine knows the unit', () => {
    const state = fold(running);
    assert.deepEqual(state.units.get('a.service')?.machines, { m1: { token: 5, reason: 'it was started' } });
    assert.deepEqual([...state.assigned.get('m1')], ['a.service']);
  });
  test('starting a loaded unit keeps its place and gives it a new goal', () => {
    const state = fold([submitted(a), load, placed('a.service', 'm1'), launch]);
    const unit = state.units.get('a.service');
    assert.deepEqual([unit?.desired, unit?.goal, Object.keys(unit?.machines ?? {})], ['launched', 4, ['m1']]);
    assert.equal(state.pending.size, 0);
  });
  test('a unit that found no machine waits, with the reasons, and keeps why it wishes one', () => {
    const state = fold([submitted(a), launch, waiting('a.service', { 'not enough memory': 2 })]);
    assert.deepEqual(state.waiting.get('a.service'), { why: 'it was started', rejected: { 'not enough memory': 2 } });
    assert.equal(state.pending.size, 0);
    const again = fold([submitted(a), launch, waiting('a.service', { x: 1 }), waiting('a.service', { y: 1 })]);
    assert.deepEqual(again.waiting.get('a.service'), { why: 'it was started', rejected: { y: 1 } });
  });
  test('unloading takes the place away, and the wish for one', () => {
    for (const history of [running, [submitted(a), launch], [submitted(a), launch, waiting('a.service')]]) {
      const state = fold([...history, unload]);
      assert.deepEqual(state.units.get('a.service')?.machines, {});
      assert.deepEqual([state.assigned.get('m1').size, state.pending.size, state.waiting.size], [0, 0, 0]);
    }
  });
  test('a restart is a new goal and is remembered', () => {
    const unit = fold([...running, restart]).units.get('a.service');
    assert.deepEqual([unit?.goal, unit?.restart, unit?.desired], [6, 6, 'launched']);
  });
  test('a destroyed unit leaves nothing behind', () => {
    const state = fold([...running, destroyed]);
    assert.deepEqual([state.units.size, state.pending.size, state.assigned.get('m1').size], [0, 0, 0]);
    assert.equal(fold([submitted(a), launch, waiting('a.service'), destroyed]).waiting.size, 0);
  });
  test('a new version of a running unit has a new goal; of a waiting one, it is looked at again', () => {
    assert.equal(fold([...running, submitted(changed)]).units.get('a.service')?.goal, 6);
    const state = fold([submitted(a), launch, waiting('a.service'), submitted(changed)]);
    assert.equal(state.pending.get('a.service'), 'a new version was submitted');
  });
  test('a new version keeps when the unit was last restarted, and what is wished of it', () => {
    const unit = fold([...running, restart, submitted(changed)]).units.get('a.service');
    assert.deepEqual([unit?.restart, unit?.desired, unit?.hash], [6, 'launched', changed.hash]);
  });
  test('an evicted unit wishes another place, unless it shall not run', () => {
    assert.equal(fold([...running, evicted('a.service', 'm1')]).pending.get('a.service'), 'why not');
    assert.equal(fold([submitted(a), evicted('a.service', 'm1')]).pending.size, 0);
  });
  test('one more copy of a global unit gives the others no new goal', () => {
    const everywhere = submission('a.service', { global: true });
    const state = fold([submitted(everywhere), launch, placed('a.service', 'm1'), placed('a.service', 'm2')]);
    assert.equal(state.units.get('a.service')?.goal, 2);
    assert.deepEqual(Object.keys(state.units.get('a.service')?.machines ?? {}), ['m1', 'm2']);
  });

  test('the units of a machine that is lost wish another place, and what it reported is void', () => {
    const state = fold([...running, { type: 'UnitStateReported', machine: 'm1', ...report('a.service') }, lost('m1')]);
    assert.equal(state.pending.get('a.service'), 'machine m1 lost: no heartbeat for 2.1 s');
    assert.equal(state.reports.has('m1'), false);
    const { state: name, reason, since } = state.machines.get('m1') ?? {};
    assert.deepEqual([name, reason, since], ['lost', 'no heartbeat for 2.1 s', 7_000]);
  });
  test('a global unit just loses that copy', () => {
    const everywhere = submission('a.service', { global: true });
    const both = [placed('a.service', 'm1'), placed('a.service', 'm2')];
    const state = fold([
      joined('m1'),
      joined('m2'),
      submitted(everywhere),
      launch,
      ...both,
      waiting('a.service'),
      lost('m1'),
    ]);
    assert.deepEqual(Object.keys(state.units.get('a.service')?.machines ?? {}), ['m2']);
    assert.deepEqual([state.pending.size, state.waiting.size], [0, 1]);
  });
  test('a machine that comes back gets nothing back by itself', () => {
    const state = fold([...running, lost('m1'), placed('a.service', 'm2'), joined('m1', { session: 'm1-2' })]);
    assert.deepEqual([...state.assigned.get('m1')], []);
    assert.deepEqual([state.machines.get('m1')?.state, state.machines.get('m1')?.reason], ['ready', '']);
  });
  test('a node that is started again keeps its units', () => {
    assert.deepEqual([...fold([...running, joined('m1', { session: 'm1-2' })]).assigned.get('m1')], ['a.service']);
  });
  test('the metadata of a machine can be changed', () => {
    const event: Event = { type: 'MachineMetadataChanged', machine: 'm1', metadata: { zone: 'b' } };
    assert.deepEqual(fold([joined('m1'), event]).machines.get('m1')?.metadata, { zone: 'b' });
  });
  test('the leader is who was elected last', () => {
    const elected = (leader: string, epoch: number): Event => ({
      type: 'LeaderElected',
      role: 'scheduler',
      leader,
      epoch,
      cluster: 'c1',
    });
    assert.deepEqual(fold([elected('s1', 3), elected('s2', 8)]).leader, { id: 's2', epoch: 8 });
  });
  test('the cause that an event of a commit carries is no part of the state', () => {
    const cause = 'some-command';
    const reported = { type: 'UnitStateReported', machine: 'm1', ...report('a.service') } as const;
    const events: Event[] = [...running, reported];
    const caused = events.map((event) => ({ ...event, cause }));
    assert.equal(serializeState(fold(caused)), serializeState(fold(events)));
  });
});

describe('units that follow another', () => {
  const f = submission('f.service', { machineOf: 'a.service' });
  const together: ClusterEvent[] = [
    ...[joined('m1'), joined('m2'), submitted(a), submitted(f)],
    ...[launch, placed('a.service', 'm1')],
    ...[{ type: 'UnitLaunchRequested', unit: 'f.service' } as const, placed('f.service', 'm1')],
  ];

  test('are left alone while they are together', () => {
    assert.equal(fold(together).pending.size, 0);
  });
  test('have to move when the other moves', () => {
    const gone = fold([...together, evicted('a.service', 'm1')]);
    assert.deepEqual(
      [...gone.pending.entries()],
      [
        ['f.service', 'it follows a.service'],
        ['a.service', 'why not'],
      ],
    );
    const moved = fold([...together, evicted('a.service', 'm1'), placed('a.service', 'm2')]);
    assert.deepEqual([...moved.pending.entries()], [['f.service', 'it follows a.service']]);
  });
  test('may stay when it comes back to the same machine', () => {
    assert.equal(fold([...together, evicted('a.service', 'm1'), placed('a.service', 'm1')]).pending.size, 0);
  });
  test('that wait are looked at again when it is placed', () => {
    const state = fold([
      ...[joined('m1'), submitted(f), { type: 'UnitLaunchRequested', unit: 'f.service' } as const],
      ...[waiting('f.service'), submitted(a), launch, placed('a.service', 'm1')],
    ]);
    assert.equal(state.pending.get('f.service'), 'it follows a.service');
  });
  test('that are lost with it say that their machine was lost', () => {
    const state = fold([...together, lost('m1')]);
    const why = 'machine m1 lost: no heartbeat for 2.1 s';
    assert.deepEqual([state.pending.get('a.service'), state.pending.get('f.service')], [why, why]);
  });
  test('stay where they are when a global unit that they follow comes to one more machine', () => {
    const everywhere = submission('a.service', { global: true });
    const history = together.map((event) =>
      'unit' in event && event.type === 'UnitSubmitted' && event.unit === 'a.service' ? submitted(everywhere) : event,
    );
    assert.equal(fold([...history, placed('a.service', 'm2')]).pending.has('f.service'), false);
    assert.equal(
      fold([...history, placed('a.service', 'm2'), evicted('a.service', 'm2')]).pending.has('f.service'),
      false,
    );
    assert.equal(fold([...history, placed('a.service', 'm2'), lost('m1')]).pending.has('f.service'), true);
  });
  test('that shall not run are not disturbed', () => {
    const state = fold([submitted(a), submitted(f), launch, placed('a.service', 'm1')]);
    assert.equal(state.pending.size, 0);
  });
});

describe('reports of nodes', () => {
  const reported = (machine: string, changes = {}): Event => ({
    type: 'UnitStateReported',
    machine,
    ...report('a.service', changes),
  });
  test('are kept by machine and unit, the newest only', () => {
    const state = fold([joined('m1'), reported('m1'), reported('m1', { sub: 'exited' })]);
    const { since, ...newest } = state.reports.get('m1')?.get('a.service') ?? assert.fail();
    assert.deepEqual(newest, report('a.service', { sub: 'exited' }));
    assert.equal(since, 3_000);
  });
  test('tell since when the unit is in its state, whatever else changes', () => {
    const state = fold([joined('m1'), reported('m1'), reported('m1', { pid: 7 })]);
    assert.equal(state.reports.get('m1')?.get('a.service')?.since, 2_000);
  });
  test('are void after a new sync, and one by one when a unit is forgotten', () => {
    const sync: Event = { type: 'NodeSynced', machine: 'm1', session: 'm1-1', reason: 'joined' };
    assert.equal(fold([joined('m1'), reported('m1'), sync]).reports.has('m1'), false);
    const forgotten: Event = { type: 'UnitStateForgotten', machine: 'm1', unit: 'a.service', reason: 'stopped' };
    assert.equal(fold([joined('m1'), reported('m1'), forgotten]).reports.get('m1')?.size, 0);
    assert.equal(fold([joined('m1'), forgotten]).reports.has('m1'), false);
  });
  test('of a machine that is not there are not believed', () => {
    assert.equal(fold([reported('m1')]).reports.size, 0);
    assert.equal(fold([joined('m1'), lost('m1'), reported('m1')]).reports.size, 0);
  });
});
