import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Event } from '../../../shared/domain/events.ts';
import type { Placement, Resources } from '../../../shared/domain/unitSpec.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, submission, submitted } from '../../../test/support/samples.ts';
import { priorityOf } from './preempting.ts';
import { reconcile } from './reconcile.ts';

function wished(name: string, priority: number, resources: Resources, placement: Partial<Placement> = {}): Event[] {
  const preferences = priority === 0 ? {} : { preferences: { priority } };
  return [
    submitted(submission(name, { ...placement, ...preferences }, { resources })),
    { type: 'UnitLaunchRequested', unit: name },
  ];
}

const options = { includeWaiting: true, maxTasks: 1_000, moment: { seq: 100, at: 100 } };

/** `a.service → m1`, `a.service ✗ m1`, `a.service waits`, in the order of the decisions. */
function shortly(events: Event[]): string[] {
  return reconcile(fold(events), options).map((task) => {
    if (task.type === 'UnitPlaced') return `${task.unit} → ${task.machine}`;
    if (task.type === 'UnitEvicted') return `${task.unit} ✗ ${task.machine}`;
    return task.type === 'UnitLeftWaiting' ? `${task.unit} waits` : task.type;
  });
}

/** Those events, and what was decided then. */
function settled(events: Event[]): Event[] {
  return [...events, ...reconcile(fold(events), options)];
}

const memoryBytes = 60;
const machine = joined('m1', { capacity: { memoryBytes: 100, cpus: 1 } });

describe('where there is no room', () => {
  test('the most important units are placed first', () => {
    const wishes = [...wished('low.service', -5, { memoryBytes }), ...wished('mid.service', 0, { memoryBytes })];
    assert.deepEqual(shortly([machine, ...wishes, ...wished('high.service', 5, { memoryBytes })]), [
      ...['high.service → m1', 'mid.service waits', 'low.service waits'],
    ]);
  });

  test('a unit of lower priority gives way, says to whom, and is placed elsewhere if that is possible', () => {
    const before = settled([machine, ...wished('low.service', 0, { memoryBytes })]);
    const now = [...before, joined('m2'), ...wished('high.service', 5, { memoryBytes }, { machineId: 'm1' })];
    assert.deepEqual(shortly(now), ['low.service ✗ m1', 'high.service → m1', 'low.service → m2']);
    const [evicted] = reconcile(fold(now), options);
    const reason = 'gives way to high.service (priority 5 over 0)';
    assert.equal(evicted?.type === 'UnitEvicted' && evicted.reason, reason);
  });

  test('nobody gives way to an equal, nor in vain', () => {
    const before = settled([machine, ...wished('low.service', 0, { memoryBytes })]);
    assert.deepEqual(shortly([...before, ...wished('equal.service', 0, { memoryBytes })]), ['equal.service waits']);
    const huge = wished('huge.service', 9, { memoryBytes: 101 });
    assert.deepEqual(shortly([...before, ...huge]), ['huge.service waits']);
    const elsewhere = wished('elsewhere.service', 9, { memoryBytes }, { machineId: 'm9' });
    assert.deepEqual(shortly([...before, ...elsewhere]), ['elsewhere.service waits']);
  });

  test('makes room of shares of the machine as of any other', () => {
    const before = settled([machine, ...wished('low.service', 0, { memoryFraction: 0.6 })]);
    assert.deepEqual(shortly([...before, ...wished('high.service', 5, { memoryFraction: 0.5 })]).slice(0, 2), [
      ...['low.service ✗ m1', 'high.service → m1'],
    ]);
    assert.deepEqual(shortly([...before, ...wished('small.service', 5, { memoryFraction: 0.4 })]), [
      'small.service → m1',
    ]);
  });

  test('as few as possible of the least important ones go', () => {
    const small = [1, 2, 3].flatMap((n) => wished(`small${n}.service`, 1, { cpus: 0.2 }));
    const before = settled([machine, ...wished('big.service', 2, { cpus: 0.4 }), ...small]);
    assert.deepEqual(shortly([...before, ...wished('high.service', 9, { cpus: 0.6 })]).slice(0, 4), [
      ...['small1.service ✗ m1', 'small2.service ✗ m1', 'small3.service ✗ m1', 'high.service → m1'],
    ]);
  });
});

test('no unit waits while its room is taken by less important ones, and machines are never overbooked', () => {
  const unit = fc.record({ priority: fc.integer({ min: -2, max: 2 }), memoryBytes: fc.constantFrom(20, 40, 60) });
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 12 }), fc.integer({ min: 1, max: 3 }), (units, machines) => {
      let history: Event[] = Array.from({ length: machines }, (_, i) =>
        joined(`m${i}`, { capacity: { memoryBytes: 100 } }),
      );
      for (const [i, { priority, memoryBytes: bytes }] of units.entries()) {
        history = settled([...history, ...wished(`u${i}.service`, priority, { memoryBytes: bytes })]);
      }
      const state = fold(history);
      for (const waiting of [...state.units.values()].filter(({ machines: at }) => Object.keys(at).length === 0)) {
        for (const { machine: id } of state.machines.values()) {
          const others = [...state.assigned.get(id)].flatMap((name) => state.units.get(name) ?? []);
          const kept = others.filter((other) => priorityOf(other) >= priorityOf(waiting));
          const taken = kept.reduce((sum, { resources }) => sum + (resources.memoryBytes ?? 0), 0);
          assert.ok(taken + (waiting.resources.memoryBytes ?? 0) > 100, `${waiting.name} could be on ${id}`);
        }
      }
      for (const load of state.loads.values()) assert.ok(load.memoryBytes <= 100);
    }),
  );
});
