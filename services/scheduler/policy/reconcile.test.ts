import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterEvent, Event, MachineFacts } from '../../../shared/domain/events.ts';
import type { Placement, Resources } from '../../../shared/domain/unitSpec.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../../test/support/samples.ts';
import { reconcile } from './reconcile.ts';
import { makesRoom } from './room.ts';
import type { Task } from './work.ts';

const launch = (unit: string): ClusterEvent => ({ type: 'UnitLaunchRequested', unit });

/** A unit that shall run. */
function wished(name: string, placement: Partial<Placement> = {}, resources: Resources = {}): Event[] {
  return [submitted(submission(name, placement, { resources })), launch(name)];
}

function tasksAfter(events: Event[], { includeWaiting = false, maxTasks = 100 } = {}): Task[] {
  return reconcile(fold(events), { includeWaiting, maxTasks, moment: { seq: 100, at: 100 } });
}

/** `a.service → m1`, `a.service ✗ m1`, `a.service waits`. */
function shortly(tasks: Task[]): string[] {
  return tasks.map((task) => {
    if (task.type === 'UnitPlaced') return `${task.unit} → ${task.machine}`;
    if (task.type === 'MachineDrained') return `${task.machine} is drained`;
    if (!('unit' in task)) return task.type;
    if (task.type === 'UnitLoadRequested') return `${task.unit} is stopped`;
    return task.type === 'UnitEvicted' ? `${task.unit} ✗ ${task.machine}` : `${task.unit} waits`;
  });
}

describe('placing', () => {
  test('says where, why there, and who was passed over why', () => {
    const zoned = { metadata: [{ key: 'zone', values: ['x'] }] };
    const machines = [joined('m1'), joined('m2'), joined('m3', { metadata: { zone: 'x' } })];
    assert.deepEqual(tasksAfter([...machines, ...wished('a.service', zoned, { memoryBytes: 1 })]), [
      {
        type: 'UnitPlaced',
        unit: 'a.service',
        machine: 'm3',
        reason: 'it was started',
        score: { load: 0, units: 0 },
        rejected: { 'metadata zone is not x': 2 },
      },
    ]);
  });

  test('spreads units evenly', () => {
    const machines = ['m1', 'm2', 'm3'].map((machine) => joined(machine));
    const units = Array.from({ length: 10 }, (_, i) => wished(`u${i}.service`)).flat();
    const counts: Record<string, number> = {};
    for (const task of tasksAfter([...machines, ...units])) {
      if (task.type === 'UnitPlaced') counts[task.machine] = (counts[task.machine] ?? 0) + 1;
    }
    assert.deepEqual(counts, { m1: 4, m2: 3, m3: 3 });
  });

  test('prefers the machine with the smaller share reserved to the one with fewer units', () => {
    const capacity = { memoryBytes: 100 };
    const history = [
      ...[joined('m1', { capacity }), joined('m2', { capacity })],
      ...[...wished('big.service', {}, { memoryBytes: 50 }), placed('big.service', 'm1')],
      ...[...wished('s1.service', {}, { memoryBytes: 10 }), placed('s1.service', 'm2')],
      ...[...wished('s2.service', {}, { memoryBytes: 10 }), placed('s2.service', 'm2')],
    ];
    const [task] = tasksAfter([...history, ...wished('a.service')]);
    assert.deepEqual(task?.type === 'UnitPlaced' && [task.machine, task.score], ['m2', { load: 0.2, units: 2 }]);
  });

  test('of 5 units that all conflict, as many run as there are machines, each on its own', () => {
    const machines = ['m1', 'm2', 'm3'].map((machine) => joined(machine));
    const units = [1, 2, 3, 4, 5].flatMap((i) => wished(`c${i}.service`, { conflicts: ['c*'] }));
    const tasks = tasksAfter([...machines, ...units]);
    assert.deepEqual(shortly(tasks), [
      ...['c1.service → m1', 'c2.service → m2', 'c3.service → m3'],
      ...['c4.service waits', 'c5.service waits'],
    ]);
    const reasons = { 'conflict with c1.service': 1, 'conflict with c2.service': 1, 'conflict with c3.service': 1 };
    const last = tasks.at(-1);
    assert.deepEqual(last?.type === 'UnitLeftWaiting' && last.rejected, reasons);
  });

  test('stops after so many tasks; the rest is still pending', () => {
    const events = [joined('m1'), ...wished('a.service'), ...wished('b.service'), ...wished('c.service')];
    assert.deepEqual(shortly(tasksAfter(events, { maxTasks: 2 })), ['a.service → m1', 'b.service → m1']);
  });

  test('units that wait are looked at again only when asked to, and told of only when the reasons are others', () => {
    const waits = (rejected: Record<string, number>): Event => ({
      type: 'UnitLeftWaiting',
      unit: 'a.service',
      rejected,
    });
    const docker = { runtimes: ['docker'] };
    const stuck = [joined('m1'), ...wished('a.service', docker), waits({ 'no docker runtime': 1 })];
    assert.deepEqual(tasksAfter(stuck), []);
    assert.deepEqual(tasksAfter(stuck, { includeWaiting: true }), []);
    assert.deepEqual(shortly(tasksAfter([...stuck, joined('m2')], { includeWaiting: true })), ['a.service waits']);
    const able = [...stuck, joined('m2', { runtimes: ['docker'] })];
    const [task] = tasksAfter(able, { includeWaiting: true });
    assert.deepEqual(task?.type === 'UnitPlaced' && [task.machine, task.reason], ['m2', 'it was started']);
  });

  test('on a large cluster an event names so many reasons and sums up the others', () => {
    const history = Array.from({ length: 30 }, (_, i) => [
      ...[joined(`m${i}`), ...wished(`c${i}.service`, { conflicts: ['*'] }), placed(`c${i}.service`, `m${i}`)],
    ]).flat();
    const [task] = tasksAfter([...history, ...wished('a.service')]);
    assert.ok(task?.type === 'UnitLeftWaiting');
    assert.equal(Object.keys(task.rejected).length, 21);
    assert.equal(task.rejected['other reasons'], 10);
  });
});

describe('a lost machine', () => {
  const both = [joined('m1'), joined('m2')];
  const lost: Event = { type: 'MachineLost', machine: 'm1', reason: 'no heartbeat for 2.1 s' };

  test('has its units placed elsewhere, and says why', () => {
    const history = [
      ...both,
      ...wished('a.service'),
      placed('a.service', 'm1'),
      ...wished('b.service'),
      placed('b.service', 'm2'),
    ];
    const tasks = tasksAfter([...history, lost]);
    assert.deepEqual(shortly(tasks), ['a.service → m2']);
    assert.equal(
      'reason' in (tasks[0] ?? {}) && tasks[0]?.type === 'UnitPlaced' && tasks[0].reason,
      'machine m1 lost: no heartbeat for 2.1 s',
    );
  });

  test('takes units that are bound together with it, and they stay together', () => {
    const history = [
      ...[...both, ...wished('a.service'), placed('a.service', 'm1')],
      ...[...wished('0-follows.service', { machineOf: 'a.service' }), placed('0-follows.service', 'm1')],
    ];
    assert.deepEqual(shortly(tasksAfter([...history, lost])), ['a.service → m2', '0-follows.service → m2']);
  });
});

describe('units bound by MachineOf', () => {
  const pair = [
    ...[joined('m1'), joined('m2'), ...wished('a.service'), placed('a.service', 'm1')],
    ...[...wished('f.service', { machineOf: 'a.service' }), placed('f.service', 'm1')],
  ];
  const evicted: Event = { type: 'UnitEvicted', unit: 'a.service', machine: 'm1', reason: 'why not' };

  test('are placed beside it, however busy it is there', () => {
    const crowd = [
      ...wished('x.service'),
      placed('x.service', 'm1'),
      ...wished('y.service'),
      placed('y.service', 'm1'),
    ];
    const history = [joined('m1'), joined('m2'), ...crowd, ...wished('a.service', { machineId: 'm1' })];
    const tasks = tasksAfter([...history, ...wished('f.service', { machineOf: 'a.service' })]);
    assert.deepEqual(shortly(tasks), ['a.service → m1', 'f.service → m1']);
  });
  test('are left alone when it comes back to the same machine', () => {
    const crowd = ['x.service', 'y.service'].flatMap((name) => [...wished(name), placed(name, 'm2')]);
    assert.deepEqual(shortly(tasksAfter([...pair, ...crowd, evicted])), ['a.service → m1']);
  });
  test('move with it', () => {
    const tasks = tasksAfter([
      ...pair,
      ...wished('x.service', { conflicts: ['a.service'] }),
      evicted,
      placed('x.service', 'm1'),
    ]);
    assert.deepEqual(shortly(tasks), ['a.service → m2', 'f.service ✗ m1', 'f.service → m2']);
    assert.equal(tasks[1]?.type === 'UnitEvicted' && tasks[1].reason, 'MachineOf unit a.service is elsewhere');
  });
  test('follow along a chain, in whatever order they were wished', () => {
    const chain = [
      ...[...wished('c.service', { machineOf: 'b.service' }), ...wished('b.service', { machineOf: 'a.service' })],
      ...wished('a.service'),
    ];
    const tasks = shortly(tasksAfter([joined('m1'), ...chain]));
    assert.deepEqual(tasks, ['a.service → m1', 'c.service waits', 'b.service → m1', 'c.service → m1']);
  });
  test('that leave a machine make it rank better for the next', () => {
    const busy = [
      ...[joined('m1'), joined('m2'), ...wished('a.service'), placed('a.service', 'm2')],
      ...[...wished('f.service', { machineOf: 'a.service' }), placed('f.service', 'm1')],
      ...['p.service', 'q.service'].flatMap((name) => [...wished(name), placed(name, 'm1')]),
      ...[...wished('g.service', { global: true }), placed('g.service', 'm1'), placed('g.service', 'm2')],
    ];
    const again: Event[] = [
      { type: 'UnitEvicted', unit: 'a.service', machine: 'm2', reason: '' },
      placed('a.service', 'm2'),
    ];
    const others = [...wished('z.service', { machineId: 'm2' }), ...wished('h.service', { machineOf: 'g.service' })];
    const tasks = tasksAfter([...busy, ...again, ...others]);
    assert.deepEqual(shortly(tasks).slice(-3), ['f.service ✗ m1', 'f.service → m2', 'h.service → m1']);
    const last = tasks.at(-1);
    assert.deepEqual(last?.type === 'UnitPlaced' && last.score, { load: 0, units: 3 });
  });
  test('that follow each other in a circle wait, are told so, and that comes to an end', () => {
    const circle = [
      ...wished('a.service', { machineOf: 'b.service' }),
      ...wished('b.service', { machineOf: 'a.service' }),
    ];
    const tasks = tasksAfter([joined('m1'), ...circle]);
    assert.deepEqual(shortly(tasks), ['a.service waits', 'b.service waits']);
    assert.match(JSON.stringify(tasks), /MachineOf= in a circle: a\.service → b\.service → a\.service/);
  });
});

describe('global units', () => {
  const everywhere = wished('g.service', { global: true });

  test('run on every machine, also on one that joins later, and on each only once', () => {
    const history = [joined('m1'), joined('m2'), ...everywhere];
    const tasks = tasksAfter(history);
    assert.deepEqual(shortly(tasks), ['g.service → m1', 'g.service → m2', 'g.service waits']);
    const later = [...history, ...tasks, joined('m3')];
    assert.deepEqual(shortly(tasksAfter(later, { includeWaiting: true })), ['g.service → m3']);
  });
  test('that conflict never share a machine', () => {
    const history = [
      joined('m1'),
      joined('m2'),
      ...everywhere,
      ...wished('h.service', { global: true, conflicts: ['g*'] }),
    ];
    assert.deepEqual(shortly(tasksAfter(history)), [
      'g.service → m1',
      'g.service → m2',
      'g.service waits',
      'h.service waits',
    ]);
  });
  test('tell on how many machines they are, and why not on others', () => {
    const history = [joined('m1'), joined('m2'), ...wished('g.service', { global: true, conflicts: ['a.*'] })];
    const waits = { type: 'UnitLeftWaiting', unit: 'g.service' };
    assert.deepEqual(tasksAfter(history).at(-1), { ...waits, rejected: {}, places: 2 });
    const beside = [...history, ...wished('a.service'), placed('a.service', 'm1')];
    assert.deepEqual(tasksAfter(beside).at(-1), { ...waits, rejected: { 'conflict with a.service': 1 }, places: 1 });
  });
  test('leave a machine that they may not be on any more', () => {
    const zoned = wished('g.service', { global: true, metadata: [{ key: 'zone', values: ['x'] }] });
    const zone = (value: string): Partial<MachineFacts> => ({ metadata: { zone: value } });
    const history = [joined('m1', zone('x')), ...zoned];
    const moved = [...history, ...tasksAfter(history), joined('m1', zone('y'))];
    assert.deepEqual(tasksAfter(moved, { includeWaiting: true }), [
      { type: 'UnitEvicted', unit: 'g.service', machine: 'm1', reason: 'metadata zone is not x' },
      { type: 'UnitLeftWaiting', unit: 'g.service', rejected: { 'metadata zone is not x': 1 }, places: 0 },
    ]);
  });
  test('count for the machines that others are placed on in the same go', () => {
    const docker = ['process', 'docker'];
    const history = [
      joined('m1', { runtimes: docker }),
      joined('m2'),
      ...wished('g.service', { global: true, runtimes: ['docker'] }),
    ];
    const tasks = tasksAfter([...history, ...wished('a.service')]);
    assert.deepEqual(shortly(tasks), ['g.service → m1', 'g.service waits', 'a.service → m2']);
  });
});

test('a unit that has no machine and that nobody names makes no room by coming', () => {
  const before = [joined('m1'), ...wished('known.service'), placed('known.service', 'm1')];
  const makes = (event: ClusterEvent) => makesRoom(fold([...before, event]), event);
  const submit = (name: string) => submitted(submission(name));
  assert.deepEqual([makes(submit('new.service')), makes(submit('known.service'))], [false, true]);
  before.push(...wished('follower.service', { machineOf: 'new.service' }));
  assert.equal(makes(submit('new.service')), true);
  assert.equal(makes({ type: 'UnitDestroyed', unit: 'known.service' }), true);
  assert.equal(makes(launch('lonely.service')), false);
});
