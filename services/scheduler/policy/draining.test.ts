import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterEvent, DrainMode, Event } from '../../../shared/domain/events.ts';
import { type Health, healths } from '../../../shared/domain/health.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, placed, reportedWell, running, submission, submitted } from '../../../test/support/samples.ts';
import { staysFor } from './draining.ts';
import { reconcile } from './reconcile.ts';
import type { Task } from './work.ts';

const drain = (machine: string, mode: DrainMode = 'one-by-one'): ClusterEvent => {
  return { type: 'MachineCordoned', machine, reason: 'new disks', drain: mode };
};

function tasksAfter(events: Event[]): Task[] {
  return reconcile(fold(events), { includeWaiting: true, maxTasks: 100, moment: { seq: 100, at: 100 } });
}

/** `a.service ✗ m1`, `a.service → m2`, `m1 is drained`. */
function shortly(tasks: Task[]): string[] {
  return tasks.map((task) => {
    if (task.type === 'MachineDrained') return `${task.machine} is drained`;
    if (!('unit' in task)) return task.type;
    if (task.type === 'UnitLeftWaiting') return `${task.unit} waits`;
    if (task.type === 'UnitLoadRequested') return `${task.unit} is stopped`;
    if (!('machine' in task)) return task.type;
    return `${task.unit} ${task.type === 'UnitPlaced' ? '→' : '✗'} ${task.machine}`;
  });
}

const three = [joined('m1'), joined('m2'), joined('m3')];

describe('a cordoned machine', () => {
  test('gets nothing new, keeps what it has, and is passed over for that reason', () => {
    const history = [joined('m1'), joined('m2'), ...running('a.service', 'm1'), ...running('b.service', 'm2')];
    const [task, ...others] = tasksAfter([
      ...[...history, ...running('c.service', 'm2'), drain('m1', 'no'), submitted(submission('d.service'))],
      { type: 'UnitLaunchRequested', unit: 'd.service' },
    ]);
    assert.deepEqual(others, []);
    assert.ok(task?.type === 'UnitPlaced');
    assert.deepEqual([task.machine, task.rejected], ['m2', { 'machine cordoned': 1 }]);
  });

  test('takes no copy of a global unit either, but keeps one that it has', () => {
    const history = [...three, ...running('g.service', 'm1', { global: true }), drain('m1', 'no'), drain('m2', 'no')];
    assert.deepEqual(shortly(tasksAfter(history)), ['g.service → m3', 'g.service waits']);
  });
});

describe('draining one by one', () => {
  const two = [...three, ...running('a.service', 'm1'), ...running('b.service', 'm1')];

  test('moves the first unit, says why, and waits until it is well', () => {
    const tasks = tasksAfter([...two, drain('m1')]);
    assert.deepEqual(shortly(tasks), ['a.service ✗ m1', 'a.service → m2']);
    assert.equal(
      'reason' in (tasks[1] ?? {}) && tasks[1]?.type === 'UnitPlaced' && tasks[1].reason,
      'machine m1 is drained: new disks',
    );
    assert.deepEqual(tasksAfter([...two, drain('m1'), ...tasks]), []);
    const failed = reportedWell('a.service', 'm2', { active: 'failed', sub: 'failed', result: 'exit-code' });
    assert.deepEqual(tasksAfter([...two, drain('m1'), ...tasks, failed]), []);
  });

  test('waits until the health check of a unit that has one says healthy', () => {
    const tasks = tasksAfter([...two, drain('m1')]);
    const isNext = (health: Health) =>
      tasksAfter([...two, drain('m1'), ...tasks, reportedWell('a.service', 'm2', { health })]).length > 0;
    assert.deepEqual(healths.filter(isNext), ['healthy']);
  });

  test('goes on when it is well, and says when nothing is left', () => {
    const first = tasksAfter([...two, drain('m1')]);
    const after = [...two, drain('m1'), ...first, reportedWell('a.service', 'm2')];
    const second = tasksAfter(after);
    assert.deepEqual(shortly(second), ['b.service ✗ m1', 'b.service → m3']);
    assert.deepEqual(shortly(tasksAfter([...after, ...second, reportedWell('b.service', 'm3')])), ['m1 is drained']);
  });

  test('does not wait for a unit that was not well before', () => {
    const failed = reportedWell('a.service', 'm1', { active: 'failed', sub: 'failed', result: 'exit-code' });
    const history = [...two, failed, drain('m1')];
    const first = tasksAfter(history);
    assert.deepEqual(shortly(first), ['a.service ✗ m1', 'a.service → m2']);
    assert.deepEqual(shortly(tasksAfter([...history, ...first])), ['b.service ✗ m1', 'b.service → m3']);
  });

  test('leaves a unit that no other machine takes where it is, and says why', () => {
    const history = [
      ...three,
      ...running('a.service', 'm1', { machineId: 'm1' }),
      ...running('b.service', 'm1'),
      drain('m1'),
    ];
    assert.deepEqual(shortly(tasksAfter(history)), ['b.service ✗ m1', 'b.service → m2']);
    const why = staysFor(fold(history), 'a.service', 'm1');
    assert.equal(why, 'no other machine takes it: 2 machines: another MachineID is required');
  });

  test('respects conflicts: what conflicts everywhere waits until a machine joins', () => {
    const rivals = ['m1', 'm2', 'm3'].flatMap((machine, i) => running(`c${i}.service`, machine, { conflicts: ['c*'] }));
    const history = [...three, ...rivals, drain('m1')];
    assert.deepEqual(tasksAfter(history), []);
    assert.deepEqual(shortly(tasksAfter([...history, joined('m4')])), ['c0.service ✗ m1', 'c0.service → m4']);
  });

  test('moves what is bound together at once', () => {
    const history = [
      ...three,
      ...running('a.service', 'm1'),
      ...running('0.service', 'm1', { machineOf: 'a.service' }),
    ];
    const moves = ['a.service ✗ m1', 'a.service → m2', '0.service ✗ m1', '0.service → m2'];
    assert.deepEqual(shortly(tasksAfter([...history, drain('m1')])), moves);
  });

  test('stops what runs on every machine last', () => {
    const agents = ['m2', 'm3'].map((machine) => placed('g.service', machine));
    const history = [
      ...three,
      ...running('g.service', 'm1', { global: true }),
      ...agents,
      ...running('a.service', 'm1'),
    ];
    const first = tasksAfter([...history, drain('m1')]);
    assert.deepEqual(shortly(first).slice(0, 2), ['g.service waits', 'a.service ✗ m1']);
    const after = tasksAfter([...history, drain('m1'), ...first, reportedWell('a.service', 'm2')]);
    assert.deepEqual(shortly(after).slice(0, 2), ['g.service ✗ m1', 'm1 is drained']);
  });

  test('is over when the machine is uncordoned', () => {
    const history = [...two, drain('m1')];
    const first = tasksAfter(history);
    const uncordoned: ClusterEvent = { type: 'MachineUncordoned', machine: 'm1' };
    assert.deepEqual(tasksAfter([...history, ...first, uncordoned, reportedWell('a.service', 'm2')]), []);
  });
});

test('draining at once moves everything, and what no other machine takes waits for one', () => {
  const history = [
    ...three,
    ...running('a.service', 'm1'),
    ...running('b.service', 'm1'),
    ...running('c.service', 'm1', { machineId: 'm1' }),
  ];
  assert.deepEqual(shortly(tasksAfter([...history, drain('m1', 'at-once')])), [
    ...['a.service ✗ m1', 'b.service ✗ m1', 'c.service ✗ m1', 'm1 is drained'],
    ...['a.service → m2', 'b.service → m3', 'c.service waits'],
  ]);
});
