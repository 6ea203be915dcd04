import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../../test/support/samples.ts';
import { explain } from './explaining.ts';

const launch = (unit: string): ClusterEvent => ({ type: 'UnitLaunchRequested', unit });
const capacity = { memoryBytes: 100 };

describe('explaining a unit', () => {
  test('says what every filter says of every machine, the best first', () => {
    const events = [
      ...[joined('m1', { capacity }), joined('m2', { metadata: { zone: 'x' }, capacity }), joined('m3', { capacity })],
      ...[submitted(submission('big.service', {}, { resources: { memoryBytes: 80 } })), launch('big.service')],
      ...[placed('big.service', 'm3'), submitted(submission('small.service')), launch('small.service')],
      ...[placed('small.service', 'm2'), { type: 'MachineCordoned', machine: 'm1', reason: '', drain: 'no' } as const],
      ...[submitted(submission('a.service', { conflicts: ['big*'] }, { resources: { memoryBytes: 30 } }))],
      launch('a.service'),
    ];
    const { machines, wishes } = explain(fold(events), 'a.service', 99);
    assert.equal(wishes, 'it was started');
    const told = machines.map(({ id, rank, filters }) => {
      const reasons = Object.entries(filters).filter(([, reason]) => reason !== null);
      return { id, rank, reasons: Object.fromEntries(reasons) };
    });
    assert.deepEqual(machines[0]?.needs, { memoryBytes: 30, cpus: 0 });
    assert.deepEqual(told, [
      { id: 'm2', rank: 1, reasons: {} },
      { id: 'm1', rank: null, reasons: { cordon: 'machine cordoned' } },
      { id: 'm3', rank: null, reasons: { conflicts: 'conflict with big.service', memory: 'not enough memory' } },
    ]);
  });

  test('where it is, does not count its own needs against it', () => {
    const full = submission('a.service', {}, { resources: { memoryBytes: 100 } });
    const events = [joined('m1', { capacity }), submitted(full), launch('a.service'), placed('a.service', 'm1', 'why')];
    const { places, machines, file } = explain(fold(events), 'a.service', 4);
    assert.deepEqual(places, [{ machine: 'm1', reason: 'why', token: 4 }]);
    assert.deepEqual([file?.desired, machines[0]?.isHere, machines[0]?.rank], ['launched', true, 1]);
  });

  test('of a unit that is not known says so', () => {
    assert.equal(explain(fold([]), 'a.service', 0).file, undefined);
  });
});
