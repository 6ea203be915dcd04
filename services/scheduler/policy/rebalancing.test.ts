import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { evolve } from '../../../shared/domain/cluster.ts';
import { type ClusterState, draft, type UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent, Event } from '../../../shared/domain/events.ts';
import { rebalanceUnderWay } from '../../../shared/domain/rebalance.ts';
import type { Placement } from '../../../shared/domain/unitSpec.ts';
import type { Balance } from '../../../shared/protocol/queries.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import {
  joined,
  placed,
  report,
  reportedWell,
  running,
  submission,
  submitted,
  wellGoal,
} from '../../../test/support/samples.ts';
import { balanceOf } from './balance.ts';
import { rejects, stillFits } from './filters.ts';
import { planInSlices, planRebalance, SlicedSearch } from './rebalancing.ts';
import { reconcile } from './reconcile.ts';
import type { Task } from './work.ts';

const started: ClusterEvent = { type: 'RebalanceStarted', reason: '', maxMoves: 100 };

function isDoneOn(unit: string, machine: string): Event {
  return reportedWell(unit, machine, {
    active: 'inactive',
    sub: 'dead',
    reason: 'main process exited with status 0',
  });
}

function step(state: ClusterState, seq: number): Task[] {
  return reconcile(draft(state), { includeWaiting: true, maxTasks: 100, moment: { seq, at: 1_000 * seq } });
}

const tasksAfter = (events: Event[]) => step(fold(events), 1_000);
const fourAndNone = [
  joined('m1'),
  joined('m2'),
  ...['a', 'b', 'c', 'd'].flatMap((unit) => running(`${unit}.service`, 'm1')),
];

/** What a unit asks for, on a crowded cluster of machines of several sizes. */
const zones = ['x', 'y', undefined];
const machines = fc.array(
  fc.record({ zone: fc.constantFrom(...zones), memoryBytes: fc.constantFrom(100, 200), isCordoned: fc.boolean() }),
  { minLength: 2, maxLength: 5 },
);
const units = fc.array(
  fc.record({
    at: fc.nat(4),
    memoryBytes: fc.constantFrom(undefined, 5, 20, 40),
    placement: fc.constantFrom<Partial<Placement>>(
      ...[{}, {}, { metadata: [{ key: 'zone', values: ['x'] }] }, { conflicts: ['w@1*'] }, { global: true }],
      { preferences: { spread: ['zone'] } },
      { preferences: { spread: ['zone'], affinities: [{ key: 'zone', value: 'y', weight: 5 }] } },
      { preferences: { affinities: [{ key: 'zone', value: 'x', weight: 2 }] } },
      { replaces: ['w@2*'] },
      { machineOf: 'w@1.service' },
    ),
    is: fc.constantFrom('well', 'done', 'untold'),
  }),
  { maxLength: 14, size: 'max' },
);

const clusters = fc.tuple(machines, units).map(([hosts, wishes]) => {
  const state = fold(
    hosts.flatMap(({ zone, memoryBytes, isCordoned }, index): ClusterEvent[] => [
      joined(`m${index}`, { capacity: { memoryBytes }, metadata: zone === undefined ? {} : { zone } }),
      ...(isCordoned && index > 1
        ? [{ type: 'MachineCordoned', machine: `m${index}`, reason: '', drain: 'no' } as const]
        : []),
    ]),
  );
  for (const [index, { at, memoryBytes, placement, is }] of wishes.entries()) {
    const name = `${kindOf(placement)}@${index}.service`;
    const resources = memoryBytes === undefined ? {} : { memoryBytes };
    tell(state, submitted(submission(name, placement, { resources })));
    const unit = state.units.get(name);
    const machine = state.machines.get(`m${at % hosts.length}`);
    if (!unit || !machine || rejects(state, unit, machine) !== null) continue;
    tell(state, { type: 'UnitLaunchRequested', unit: name }, placed(name, machine.machine));
    if (is === 'well') tell(state, reportedWell(name, machine.machine));
    if (is === 'done') tell(state, isDoneOn(name, machine.machine));
  }
  return state;
});

/** Mostly instances of a template are alike; where they are not, the template is left alone. */
function kindOf({ preferences, global }: Partial<Placement>): string {
  return preferences?.affinities && !preferences.spread
    ? 'w'
    : `w${preferences?.spread ? 's' : ''}${global ? 'g' : ''}`;
}

let now = 100;
function tell(state: ClusterState, ...events: Event[]): void {
  for (const event of events) evolve(state, event, { seq: ++now, at: now });
}

/** As the numbers are to be read: the first that differs decides. */
function isLess(a: Balance, b: Balance): boolean {
  const order = ({ spread, affinity, load, units }: Balance) => [...spread, -affinity, load ** 2, units ** 2];
  const [left, right] = [order(a), order(b)];
  const at = left.findIndex((number, index) => Math.abs(number - (right[index] ?? 0)) > 1e-9);
  return at >= 0 && (left[at] ?? 0) < (right[at] ?? 0);
}

/** Plays a rebalance to its end: every unit is well where it was moved to. */
function play(state: ClusterState): Task[] {
  const all: Task[] = [];
  tell(state, started);
  for (let rounds = 0; rebalanceUnderWay(state) !== null; rounds++) {
    assert.ok(rounds < 300, 'it comes to an end');
    const tasks = step(state, ++now);
    all.push(...tasks);
    tell(state, ...tasks);
    for (const task of tasks) if (task.type === 'UnitPlaced') tell(state, reportedWell(task.unit, task.machine));
  }
  return all;
}

/** The units that every filter lets stay where they are. */
function placesThatFit(state: ClusterState): string[] {
  const fits = (unit: UnitRecord) => {
    const places = Object.keys(unit.machines).flatMap((id) => state.machines.get(id) ?? []);
    return places.length > 0 && places.every((machine) => stillFits(state, unit, machine) === null);
  };
  return [...state.units.values()].filter(fits).map(({ name }) => name);
}

describe('rebalancing', () => {
  test('moves one unit, says why, and goes on when it is well where it is now', () => {
    const tasks = tasksAfter([...fourAndNone, started]);
    assert.deepEqual(
      tasks.map((task) => [task.type, 'machine' in task && task.machine, 'reason' in task && task.reason]),
      [
        ['UnitEvicted', 'm1', 'rebalanced: m1 (m1) has 4 units, m2 (m2) 0'],
        ['UnitPlaced', 'm2', 'rebalanced: m1 (m1) has 4 units, m2 (m2) 0'],
      ],
    );
    assert.deepEqual(tasksAfter([...fourAndNone, started, ...tasks]), []);
    const next = tasksAfter([...fourAndNone, started, ...tasks, reportedWell('a.service', 'm2')]);
    assert.deepEqual(
      next.map((task) => 'unit' in task && task.unit),
      ['b.service', 'b.service'],
    );
    const even = [
      ...fourAndNone,
      started,
      ...tasks,
      reportedWell('a.service', 'm2'),
      ...next,
      reportedWell('b.service', 'm2'),
    ];
    assert.deepEqual(tasksAfter(even), [
      { type: 'RebalanceEnded', moves: 2, outcome: 'even', reason: 'no move makes the cluster more even' },
    ]);
  });

  test('ends after as many moves as were allowed, and when a unit fails where it was moved to', () => {
    const limited: ClusterEvent = { ...started, maxMoves: 1 } as ClusterEvent;
    const tasks = tasksAfter([...fourAndNone, limited]);
    const [limit] = tasksAfter([...fourAndNone, limited, ...tasks, reportedWell('a.service', 'm2')]);
    assert.equal(limit?.type === 'RebalanceEnded' && limit.outcome, 'limit');
    const failure = report('a.service', { goal: wellGoal, active: 'failed', sub: 'failed', result: 'exit-code' });
    const failed: Event = { type: 'UnitStateReported', machine: 'm2', ...failure };
    const [end] = tasksAfter([...fourAndNone, started, ...tasks, failed]);
    assert.ok(end?.type === 'RebalanceEnded');
    assert.deepEqual([end.outcome, end.reason], ['failed', 'a.service failed on m2, where it was moved to']);
  });

  test('evens out what is reserved before it counts units, and leaves alone what gains too little', () => {
    const hosts = [
      joined('m1', { capacity: { memoryBytes: 1_000 } }),
      joined('m2', { capacity: { memoryBytes: 1_000 } }),
    ];
    const big = (unit: string, machine: string, memoryBytes: number) => running(unit, machine, {}, { memoryBytes });
    const small = ['x', 'y', 'z'].flatMap((unit) => running(`${unit}.service`, 'm2'));
    const uneven = fold([...hosts, ...big('a.service', 'm1', 300), ...big('b.service', 'm1', 200), ...small]);
    const [move] = planRebalance(uneven, 10).moves;
    assert.deepEqual(
      [move?.unit, move?.to, move?.why],
      ['a.service', 'm2', 'm1 (m1) is reserved to 50%, m2 (m2) to 0%'],
    );
    const nearly = fold([
      ...hosts,
      ...big('a.service', 'm1', 501),
      ...big('b.service', 'm2', 500),
      ...big('c.service', 'm1', 1),
    ]);
    assert.deepEqual(planRebalance(nearly, 10).moves, []);
  });

  test('neither moves nor counts what has done its work', () => {
    const done = ['a', 'b', 'c', 'd'].map((unit) => isDoneOn(`${unit}.service`, 'm1'));
    assert.deepEqual(planRebalance(fold([...fourAndNone, ...done]), 10).moves, []);
    const two = ['x', 'y'].flatMap((unit) => running(`${unit}.service`, 'm2'));
    const { moves, before } = planRebalance(fold([...fourAndNone, ...done, ...two]), 10);
    assert.deepEqual(
      moves.map(({ unit, to, why }) => [unit, to, why]),
      [['x.service', 'm1', 'm2 (m2) has 2 units, m1 (m1) 0']],
    );
    assert.equal(before.units, Math.sqrt((0 + 2 ** 2) / 2));
  });

  test('spreads instances that came to be together', () => {
    const zoned = [joined('m1', { metadata: { zone: 'x' } }), joined('m2', { metadata: { zone: 'y' } })];
    const spread = { preferences: { spread: ['zone'] } };
    const history = [...zoned, ...running('w@1.service', 'm1', spread), ...running('w@2.service', 'm1', spread)];
    const { moves, before, after } = planRebalance(fold(history), 10);
    assert.deepEqual(
      moves.map(({ unit, to }) => [unit, to]),
      [['w@1.service', 'm2']],
    );
    assert.deepEqual([before.spread, after.spread], [[2], [0]]);
  });

  test('whatever the cluster: every move is one that the filters allow, makes it strictly more even, and changes nothing else', () => {
    fc.assert(
      fc.property(clusters, (state) => {
        const { moves } = planRebalance(state, 1_000);
        for (let count = 1; count <= moves.length; count++) {
          const { before, after } = planRebalance(state, count);
          const previous = planRebalance(state, count - 1).after;
          assert.ok(isLess(after, previous), `move ${count}: ${JSON.stringify([previous, after])}`);
          assert.ok(isLess(after, before));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('whatever the cluster: a rebalance ends where another one has nothing to do, and no unit is where it may not be', () => {
    fc.assert(
      fc.property(clusters, (state) => {
        // What came without the scheduler may have to be put right first.
        for (let tasks = step(state, ++now); tasks.length > 0; tasks = step(state, ++now)) tell(state, ...tasks);
        const was = balanceOf(state);
        const fitted = placesThatFit(state);
        const tasks = play(state);
        const moved = tasks.flatMap((task) => (task.type === 'UnitEvicted' ? [task.unit] : []));
        // What waited may find room that a move has made.
        const hasRoomMade = tasks.some((task) => task.type === 'UnitPlaced' && !moved.includes(task.unit));
        assert.deepEqual(planRebalance(state, 10).moves, []);
        assert.equal(state.rebalance?.ended?.outcome, 'even');
        if (moved.length > 0 && !hasRoomMade) assert.ok(isLess(balanceOf(state), was));
        const fit = placesThatFit(state);
        for (const name of fitted) assert.ok(fit.includes(name), `${name} may be where it is`);
        for (const { machine, capacity } of state.machines.values()) {
          assert.ok(
            (state.loads.get(machine)?.memoryBytes ?? 0) <= (capacity.memoryBytes ?? 0),
            `${machine} is overbooked`,
          );
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe('a search that goes on from round to round', () => {
  /** In the smallest parts; `meanwhile` is called between them. */
  const found = (state: ClusterState, meanwhile: (part: number) => void = () => {}) => {
    const search = new SlicedSearch(1);
    for (let part = 0; part < 20_000; part++) {
      const next = search.next(draft(state));
      if (next !== 'unfinished') return next;
      meanwhile(part);
    }
    assert.fail('it comes to an end');
  };

  test('finds what one that is made at once finds', () => {
    fc.assert(
      fc.property(clusters, (state) => {
        assert.deepEqual(found(state), new SlicedSearch().next(state));
      }),
      { numRuns: 200 },
    );
  });

  test('whatever changes meanwhile: it finds a move that is one by then', () => {
    const changes = fc.array(fc.record({ part: fc.nat(60), unit: fc.nat(14), machine: fc.nat(4), what: fc.nat(2) }), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(clusters, changes, (state, given) => {
        const move = found(state, (now) => {
          for (const { part, unit, machine, what } of given) {
            if (part !== now) continue;
            const name = [...state.units.keys()][unit];
            if (what === 0) tell(state, { type: 'MachineCordoned', machine: `m${machine}`, reason: '', drain: 'no' });
            if (what === 1 && name !== undefined) tell(state, { type: 'UnitDestroyed', unit: name });
            if (what === 2) tell(state, ...running(`late@${unit}.service`, `m${machine}`, {}, { memoryBytes: 40 }));
          }
        });
        if (move === null) return;
        const { before, after } = planOf(state, move);
        assert.ok(isLess(after, before), JSON.stringify([move, before, after]));
      }),
      { numRuns: 300 },
    );
  });

  /** How even the cluster is before and after that move, which the filters have to allow. */
  const planOf = (state: ClusterState, { unit, from, to }: { unit: string; from: string; to: string }) => {
    const tried = draft(state);
    const [record, target] = [tried.units.get(unit), tried.machines.get(to)];
    assert.ok(record && target && rejects(tried, record, target) === null, `${to} takes ${unit}`);
    const before = balanceOf(tried);
    const moment = { seq: now + 1, at: now + 1 };
    evolve(tried, { type: 'UnitEvicted', unit, machine: from, reason: '', move: { to } }, moment);
    evolve(tried, placed(unit, to), moment);
    return { before, after: balanceOf(tried) };
  };

  test('so does a plan, and comes to the same', () => {
    fc.assert(
      fc.property(clusters, (state) => {
        const planning = planInSlices(state, 10, 1);
        let part = planning.next();
        while (!part.done) part = planning.next();
        assert.deepEqual(part.value, planRebalance(state, 10));
      }),
      { numRuns: 100 },
    );
  });
});
