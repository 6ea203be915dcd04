import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event, MachineFacts } from '../../../shared/domain/events.ts';
import type { Placement, Resources } from '../../../shared/domain/unitSpec.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../../test/support/samples.ts';
import { rejects, stillFits } from './filters.ts';

interface Case {
  placement?: Partial<Placement>;
  resources?: Resources;
  machine?: Partial<MachineFacts>;
  /** What happened before. */
  history?: Event[];
}

/** Why `m1` may not take `u.service`. */
function judge(filter: typeof rejects, { placement, resources = {}, machine = {}, history = [] }: Case): string | null {
  const state = fold([
    joined('m1', machine),
    joined('m2'),
    submitted(submission('u.service', placement, { resources })),
    ...history,
  ]);
  const [unit, m1] = [state.units.get('u.service'), state.machines.get('m1')];
  assert.ok(unit && m1);
  return filter(state, unit, m1);
}
const rejected = (of: Case) => judge(rejects, of);

const there = (name: string, placement: Partial<Placement> = {}, resources: Resources = {}): Event[] => [
  submitted(submission(name, placement, { resources })),
  placed(name, 'm1'),
];

describe('a machine may take a unit', () => {
  test('unless it is not ready', () => {
    assert.equal(rejected({}), null);
    assert.equal(rejected({ history: [{ type: 'MachineLost', machine: 'm1', reason: '' }] }), 'machine lost');
    assert.equal(rejected({ history: [{ type: 'MachineLeft', machine: 'm1', reason: '' }] }), 'machine left');
  });

  test('unless it lacks a runtime', () => {
    const placement = { runtimes: ['process', 'docker'] };
    assert.equal(rejected({ placement }), 'no docker runtime');
    assert.equal(rejected({ placement, machine: { runtimes: ['docker', 'process'] } }), null);
  });

  test('unless another MachineID is asked for', () => {
    assert.equal(rejected({ placement: { machineId: 'm1' } }), null);
    assert.equal(rejected({ placement: { machineId: 'm' } }), 'another MachineID is required');
  });

  test('unless its metadata differs: every key must match, any value of a key may', () => {
    const metadata = [
      { key: 'zone', values: ['x', 'y'] },
      { key: 'disk', values: ['ssd'] },
    ];
    const on = (values: Record<string, string>) => rejected({ placement: { metadata }, machine: { metadata: values } });
    assert.equal(on({ zone: 'y', disk: 'ssd' }), null);
    assert.equal(on({ zone: 'z', disk: 'ssd' }), 'metadata zone is not x or y');
    assert.equal(on({ zone: 'x' }), 'metadata disk is not ssd');
    assert.equal(
      rejected({ placement: { metadata: [{ key: 'constructor', values: ['x'] }] } }),
      'metadata constructor is not x',
    );
  });

  test('unless the unit follows one that is elsewhere, nowhere, or not known', () => {
    const placement = { machineOf: 't.service' };
    const known = submitted(submission('t.service'));
    assert.equal(rejected({ placement }), 'MachineOf unit t.service is not known');
    assert.equal(rejected({ placement, history: [known] }), 'MachineOf unit t.service has no machine');
    assert.equal(
      rejected({ placement, history: [known, placed('t.service', 'm2')] }),
      'MachineOf unit t.service is elsewhere',
    );
    assert.equal(rejected({ placement, history: [known, placed('t.service', 'm1')] }), null);
  });

  test('unless it conflicts with one that is there, or that one with it', () => {
    assert.equal(
      rejected({ placement: { conflicts: ['x*'] }, history: there('x1.service') }),
      'conflict with x1.service',
    );
    assert.equal(rejected({ history: there('x1.service', { conflicts: ['u.*'] }) }), 'conflict with x1.service');
    assert.equal(
      rejected({ placement: { conflicts: ['y*'] }, history: there('x1.service', { conflicts: ['z*'] }) }),
      null,
    );
  });

  test('also when it matches its own Conflicts', () => {
    assert.equal(rejected({ placement: { conflicts: ['u*'] }, history: [placed('u.service', 'm1')] }), null);
  });

  test('and of several conflicts the first by name is told, whoever was placed first', () => {
    const placement = { conflicts: ['x*'] };
    const history = [...there('x2.service'), ...there('x1.service'), ...there('x3.service', { conflicts: ['u*'] })];
    assert.equal(rejected({ placement, history }), 'conflict with x1.service');
  });

  test('unless there is no room', () => {
    const machine = { capacity: { memoryBytes: 100, cpus: 0.3 } };
    const half = there('x.service', {}, { memoryBytes: 50, cpus: 0.1 });
    assert.equal(rejected({ machine, resources: { memoryBytes: 50 }, history: half }), null);
    assert.equal(rejected({ machine, resources: { memoryBytes: 51 }, history: half }), 'not enough memory');
    assert.equal(rejected({ machine, resources: { memoryFraction: 0.5 }, history: half }), null);
    assert.equal(rejected({ machine, resources: { memoryFraction: 0.51 }, history: half }), 'not enough memory');
    assert.equal(rejected({ machine, resources: { cpus: 0.21 }, history: half }), 'not enough CPU');
  });

  test('unless its assignment would no longer fit into a message', () => {
    const long = 'x'.repeat(500 * 1024);
    const other: Event[] = [
      joined('m1'),
      submitted({ ...submission('x.service'), text: long }),
      placed('x.service', 'm1'),
    ];
    const state = fold([...other, submitted({ ...submission('u.service'), text: long })]);
    const [unit, machine] = [state.units.get('u.service'), state.machines.get('m1')];
    assert.ok(unit && machine);
    assert.equal(rejects(state, unit, machine), 'no room in the machine’s assignment');
    assert.equal(rejects(state, { ...unit, text: '' }, machine), null);
  });

  test('when it fits exactly, fractions of a core or not', () => {
    const machine = { capacity: { cpus: 0.3 } };
    assert.equal(rejected({ machine, resources: { cpus: 0.2 }, history: there('x.service', {}, { cpus: 0.1 }) }), null);
  });

  test('however much it asks for, when the capacity is not known', () => {
    assert.equal(rejected({ resources: { memoryBytes: 1e15, cpus: 1e6 } }), null);
  });
});

test('a unit that is there may stay without room for itself, but not beside a conflict', () => {
  const machine = { capacity: { memoryBytes: 100 } };
  const resources = { memoryBytes: 60 };
  assert.equal(judge(stillFits, { machine, resources, history: [placed('u.service', 'm1')] }), null);
  assert.equal(judge(stillFits, { history: there('x.service', { conflicts: ['u*'] }) }), 'conflict with x.service');
});
