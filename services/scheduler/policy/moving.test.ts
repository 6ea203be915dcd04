import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Event } from '../../../shared/domain/events.ts';
import { isRejection } from '../../../shared/domain/rejection.ts';
import type { Placement } from '../../../shared/domain/unitSpec.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../../test/support/samples.ts';
import { decideMoves } from './moving.ts';
import { reconcile } from './reconcile.ts';

const three = [joined('m1'), joined('m2', { metadata: { zone: 'x' } }), joined('m3')];

function running(unit: string, machine: string, placement: Partial<Placement> = {}): Event[] {
  return [submitted(submission(unit, placement)), { type: 'UnitLaunchRequested', unit }, placed(unit, machine)];
}

const ask = (events: Event[], ...units: { name: string; to?: string }[]) =>
  decideMoves(fold(events), { type: 'MoveUnits', units, reason: 'rebalancing' });

function refusals(events: Event[], ...units: { name: string; to?: string }[]): string[] {
  const decided = ask(events, ...units);
  assert.ok(isRejection(decided));
  return decided.details;
}

test('a unit is moved to the machine that was asked for, though another one is less loaded', () => {
  const history = [...three, ...running('a.service', 'm1'), ...running('b.service', 'm2')];
  const moved = ask(history, { name: 'a.service', to: 'm2' });
  assert.ok(!isRejection(moved));
  assert.deepEqual(moved, [
    { type: 'UnitEvicted', unit: 'a.service', machine: 'm1', reason: 'rebalancing', move: { to: 'm2' } },
  ]);
  const [task] = reconcile(fold([...history, ...moved]), {
    includeWaiting: false,
    maxTasks: 9,
    moment: { seq: 99, at: 99 },
  });
  assert.ok(task?.type === 'UnitPlaced');
  assert.deepEqual([task.machine, task.reason], ['m2', 'rebalancing']);
});

test('without a wish it goes to the best other machine, and back only where no other takes it any more', () => {
  const history = [...three, ...running('a.service', 'm1'), ...running('b.service', 'm2')];
  const moved = ask(history, { name: 'a.service' });
  assert.ok(!isRejection(moved));
  const lost: Event[] = ['m2', 'm3'].map((machine) => ({ type: 'MachineLost', machine, reason: 'no heartbeat' }));
  const options = { includeWaiting: false, maxTasks: 9, moment: { seq: 99, at: 99 } };
  const [task] = reconcile(fold([...history, ...moved]), options);
  assert.equal(task?.type === 'UnitPlaced' && task.machine, 'm3');
  const [back] = reconcile(fold([...history, ...moved, ...lost]), options);
  assert.equal(back?.type === 'UnitPlaced' && back.machine, 'm1');
});

test('what cannot be moved is told all at once, and nothing moves', () => {
  const history = [
    ...three,
    ...running('g.service', 'm1', { global: true }),
    ...running('a.service', 'm1', { metadata: [{ key: 'zone', values: ['x'] }] }),
    ...running('f.service', 'm1', { machineOf: 'a.service' }),
    submitted(submission('idle.service')),
  ];
  const wishes = [
    ...[{ name: 'g.service' }, { name: 'a.service', to: 'm3' }, { name: 'f.service' }, { name: 'idle.service' }],
    ...[{ name: 'none.service' }, { name: 'a.service', to: 'm9' }],
  ];
  assert.deepEqual(refusals(history, ...wishes), [
    'g.service: a global unit runs on every machine; keep it off one with MachineMetadata=',
    'a.service: metadata zone is not x',
    'f.service: it is where a.service is: move that one',
    'idle.service: it has no machine',
    'none.service: no such unit',
    'a.service: there is no machine m9',
  ]);
});
