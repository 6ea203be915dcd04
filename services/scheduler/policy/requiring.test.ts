import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { evolve } from '../../../shared/domain/cluster.ts';
import { type ClusterState, initialState } from '../../../shared/domain/clusterState.ts';
import type { Dependencies } from '../../../shared/domain/dependencies.ts';
import type { Event } from '../../../shared/domain/events.ts';
import type { Placement, Resources } from '../../../shared/domain/unitSpec.ts';
import { joined, placed, submission, submitted } from '../../../test/support/samples.ts';
import { staysFor } from './draining.ts';
import { decideMoves } from './moving.ts';
import { reconcile } from './reconcile.ts';

function fold(events: Event[]): ClusterState {
  const state = initialState();
  events.forEach((event, at) => {
    evolve(state, event, { seq: at + 1, at: at + 1 });
  });
  return state;
}

interface Stated {
  says?: Dependencies;
  where?: Partial<Placement>;
  needs?: Resources;
}

function known(name: string, { says, where = {}, needs = {} }: Stated = {}): Event[] {
  const file = submission(name, where, { resources: needs, ...(says ? { dependencies: says } : {}) });
  return [submitted(file)];
}
const started = (name: string, stated?: Stated): Event[] => [
  ...known(name, stated),
  { type: 'UnitLaunchRequested', unit: name },
];
const on = (machine: string, name: string, stated?: Stated): Event[] => [
  ...started(name, stated),
  placed(name, machine),
];

/** `a → m1`, `a ✗ m1`, `a stops`, `a waits: 2 × why`. */
function tasks(events: Event[], seq = 100): string[] {
  return reconcile(fold(events), { includeWaiting: true, maxTasks: 100, moment: { seq, at: 1 } }).map((task) => {
    if (task.type === 'UnitPlaced') return `${task.unit} → ${task.machine}`;
    if (task.type === 'UnitEvicted') return `${task.unit} ✗ ${task.machine}`;
    if (task.type === 'UnitLoadRequested') return `${task.unit} stops`;
    if (task.type !== 'UnitLeftWaiting') return task.type;
    return `${task.unit} waits: ${Object.entries(task.rejected)
      .map(([why, count]) => `${count} × ${why}`)
      .join('; ')}`;
  });
}

const two = [joined('m1'), joined('m2')];
const needsDb = { says: { Requires: ['db'] } };

describe('a unit that requires another', () => {
  test('is placed after it, beside it', () => {
    const full = on('m1', 'x');
    assert.deepEqual(tasks([...two, ...full, ...started('a-web', needsDb), ...started('db')]), [
      'db → m2',
      'a-web → m2',
    ]);
  });

  test('moves with it, and not by itself', () => {
    const events = [...two, ...on('m1', 'db'), ...on('m1', 'web', needsDb)];
    const moved: Event = { type: 'UnitEvicted', unit: 'db', machine: 'm1', reason: 'moved', move: { to: 'm2' } };
    assert.deepEqual(tasks([...events, moved]), ['db → m2', 'web ✗ m1', 'web → m2']);
    const refusal = decideMoves(fold(events), { type: 'MoveUnits', units: [{ name: 'web' }], reason: '' });
    assert.match(JSON.stringify(refusal), /it is where db is, which it requires: move that one/);
    assert.equal(staysFor(fold(events), 'web', 'm1'), 'it goes with db');
  });

  test('waits where that cannot be, and says so', () => {
    const zoned = { where: { metadata: [{ key: 'zone', values: ['x'] }] } };
    assert.deepEqual(tasks([...two, ...started('db', zoned), ...started('web', needsDb)]), [
      'db waits: 2 × metadata zone is not x',
      'web waits: 2 × db, which it requires, has no machine',
    ]);
  });

  test('has nothing to do with one that shall not run', () => {
    assert.deepEqual(tasks([...two, ...known('db'), ...started('web', needsDb)]), ['web → m1']);
  });

  test('may be required by it in turn, with MachineOf= or without', () => {
    for (const says of [{ Requires: ['web'] }, { BindsTo: ['web'], Wants: ['web'] }]) {
      for (const where of [{}, { machineOf: 'web' }]) {
        const events = [...two, ...started('db', { says, where }), ...started('web', needsDb)];
        const machines = tasks(events).map((task) => task.split(' → ')[1]);
        assert.deepEqual(machines, ['m1', 'm1'], JSON.stringify({ says, where }));
      }
    }
  });

  test('stays where it is when something else that requires the same is destroyed or unloaded', () => {
    const events = [...two, ...on('m1', 'db'), ...on('m1', 'web', needsDb), ...on('m1', 'log', needsDb)];
    assert.deepEqual(tasks([...events, { type: 'UnitDestroyed', unit: 'log' }]), []);
    assert.deepEqual(tasks([...events, { type: 'UnitUnloadRequested', unit: 'log' }]), []);
  });
});

describe('a unit that others require', () => {
  test('goes where they can follow it', () => {
    const machines = [joined('m1'), joined('m2', { runtimes: ['process', 'docker'] })];
    const docker = { ...needsDb, where: { runtimes: ['docker'] } };
    assert.deepEqual(tasks([...machines, ...started('db'), ...started('web', docker)]), ['db → m2', 'web → m2']);
  });

  test('goes where there is room for all of them, if there is', () => {
    const machines = [joined('m1', { capacity: { memoryBytes: 50 } }), joined('m2', { capacity: { memoryBytes: 90 } })];
    const web = { ...needsDb, needs: { memoryBytes: 40 } };
    const db = started('db', { needs: { memoryBytes: 20 } });
    const filled = on('m2', 'x', { needs: { memoryBytes: 20 } });
    assert.deepEqual(tasks([...machines, ...filled, ...db, ...started('web', web)]), ['db → m2', 'web → m2']);
    const many = [...started('web', web), ...started('web2', web)];
    assert.deepEqual(tasks([...machines, ...filled, ...db, ...many]).slice(0, 1), ['db → m1']);
  });

  test('is everywhere where it is global, also where global ones that require it in turn cannot follow', () => {
    const machines = [joined('m1'), joined('m2', { runtimes: ['process', 'docker'] })];
    const everywhere = { where: { global: true } };
    const a = started('a', { ...everywhere, says: { Requires: ['b'], RequiredBy: ['b'] } });
    const b = started('b', { where: { global: true, runtimes: ['docker'] } });
    assert.deepEqual(
      tasks([...machines, ...a, ...b]).filter((task) => task.includes('→')),
      ['a → m1', 'a → m2', 'b → m2'],
    );
  });

  test('does not wait for what no machine takes anyway', () => {
    const nowhere = { ...needsDb, where: { machineId: 'm9' } };
    assert.deepEqual(tasks([...two, ...started('db'), ...started('web', nowhere)]).slice(0, 1), ['db → m1']);
  });

  test('goes to those that run already', () => {
    const events = [
      ...two,
      ...known('db'),
      ...on('m2', 'web', needsDb),
      { type: 'UnitLaunchRequested', unit: 'db' } as const,
    ];
    assert.deepEqual(tasks(events), ['db → m2']);
  });
});

describe('a unit that conflicts with another', () => {
  const rival = { says: { Conflicts: ['db'] } };

  test('is kept on another machine', () => {
    assert.deepEqual(tasks([...two, ...on('m1', 'db'), ...started('rival', rival)]), ['rival → m2']);
    assert.deepEqual(tasks([...two, ...on('m1', 'rival', rival), ...started('db')]), ['db → m2']);
  });

  test('stops that, and what requires it, when it is started and there is no other machine', () => {
    const events = [joined('m1'), ...on('m1', 'db'), ...on('m1', 'web', needsDb), ...started('rival', rival)];
    assert.deepEqual(tasks(events, events.length), ['rival → m1', 'db stops', 'web stops']);
  });

  test('stops nothing when it only has to move', () => {
    const events = [joined('m1'), ...on('m1', 'db'), ...started('rival', rival)];
    assert.deepEqual(tasks(events), ['rival waits: 1 × db runs there, and conflicts with it']);
  });
});
