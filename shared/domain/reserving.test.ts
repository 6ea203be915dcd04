import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fold } from '../../test/support/deciderSpec.ts';
import { joined, placed, submission, submitted } from '../../test/support/samples.ts';
import type { ClusterState } from './clusterState.ts';
import type { Event } from './events.ts';
import { memoryOn, reservedOn } from './reserving.ts';
import { restoreState, serializeState } from './serializeState.ts';

const loadOn = (state: ClusterState, machine: string) => state.loads.get(machine)?.memoryBytes ?? 0;

describe('what a unit reserves', () => {
  test('is what it states, or a share of the memory of a machine where that is known', () => {
    assert.equal(memoryOn({ memoryBytes: 7 }, { memoryBytes: 100 }), 7);
    assert.equal(memoryOn({ memoryFraction: 0.255 }, { memoryBytes: 100 }), 25);
    assert.equal(memoryOn({ memoryFraction: 0.5 }, {}), undefined);
    assert.deepEqual(reservedOn({ memoryFraction: 0.5, cpus: 2 }, undefined), { memoryBytes: 0, cpus: 2 });
  });

  test('goes by the machine that has it, and by what that has after another start', () => {
    const half = submission('half.service', {}, { resources: { memoryFraction: 0.5 } });
    const fixed = submission('fixed.service', {}, { resources: { memoryBytes: 30 } });
    const history: Event[] = [
      joined('m1', { capacity: { memoryBytes: 100 } }),
      joined('m2', { capacity: { memoryBytes: 1_000 } }),
      ...[half, fixed].map((each) => submitted(each)),
      ...[half, fixed].map(({ name: unit }): Event => ({ type: 'UnitLaunchRequested', unit })),
      placed('half.service', 'm1'),
      placed('fixed.service', 'm1'),
    ];
    assert.equal(loadOn(fold(history), 'm1'), 80);
    const larger = fold([...history, joined('m1', { capacity: { memoryBytes: 200 } })]);
    assert.equal(loadOn(larger, 'm1'), 130);
    assert.equal(loadOn(restoreState(serializeState(larger)), 'm1'), 130);
    const moved = fold([
      ...history,
      joined('m1', { capacity: { memoryBytes: 200 } }),
      { type: 'UnitEvicted', unit: 'half.service', machine: 'm1', reason: 'why not' },
      placed('half.service', 'm2'),
    ]);
    assert.deepEqual([loadOn(moved, 'm1'), loadOn(moved, 'm2')], [30, 500]);
  });
});
