import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ClusterState, MachineRecord, UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { Event } from '../../../shared/domain/events.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, machineFacts, placed, submission, submitted } from '../../../test/support/samples.ts';
import { compareRanked, rankFor, scoreOf } from './ranking.ts';

const record = (machine: string, capacity = {}): MachineRecord => ({
  ...machineFacts(machine, { capacity }),
  ...{ state: 'ready', reason: '', since: 0 },
});

test('the larger share counts: memory or CPU; nothing where the capacity is not known', () => {
  const load = { memoryBytes: 50, cpus: 3, units: 7, textLength: 0 };
  assert.deepEqual(scoreOf(record('m1', { memoryBytes: 100, cpus: 4 }), load), { load: 0.75, units: 7 });
  assert.deepEqual(scoreOf(record('m1', { memoryBytes: 60, cpus: 4 }), load), { load: 0.833, units: 7 });
  assert.deepEqual(scoreOf(record('m1'), load), { load: 0, units: 7 });
  assert.deepEqual(scoreOf(record('m1', { memoryBytes: 100 })), { load: 0, units: 0 });
});

test('first the load counts, then the number of units, then the id', () => {
  const rank = (machine: string, load: number, units: number) => ({ machine: record(machine), score: { load, units } });
  const sorted = [rank('m9', 0, 1), rank('m1', 0, 2), rank('m2', 0, 2), rank('m0', 0.1, 0)];
  assert.deepEqual([...sorted].reverse().sort(compareRanked), sorted);
});

describe('a unit with preferences', () => {
  const zones = ['x', 'x', 'y', 'y'].map((zone, i) =>
    joined(`m${i}`, { metadata: { zone, disk: i % 2 ? 'ssd' : 'hdd' } }),
  );
  const spread = { preferences: { spread: ['zone'] } };
  const running = (unit: string, machine: string, placement = {}): Event[] => [
    ...[submitted(submission(unit, placement)), { type: 'UnitLaunchRequested', unit } as const, placed(unit, machine)],
  ];
  const ranked = (events: Event[], unit: string) => {
    const state = fold([...events, submitted(submission(unit, spread))]);
    return rankFor(state, recordOf(state, unit)).map(({ machine }) => machine.machine);
  };

  test('spreads the instances of its template over the values of a key, whatever the loads are', () => {
    const busy = ['a.service', 'b.service'].flatMap((unit) => running(unit, 'm2'));
    assert.deepEqual(ranked([...zones, ...busy, ...running('web@1.service', 'm0', spread)], 'web@2.service'), [
      ...['m3', 'm2', 'm1', 'm0'],
    ]);
  });

  test('takes a machine without the key last', () => {
    assert.equal(ranked([joined('m0'), joined('m1', { metadata: { zone: 'x' } })], 'web@1.service').at(-1), 'm0');
  });

  test('prefers what it has an affinity for, and avoids what weighs against', () => {
    const affinities = [
      { key: 'disk', value: 'ssd', weight: 10 },
      { key: 'zone', value: 'y', weight: -20 },
    ];
    const state = fold([...zones, submitted(submission('a.service', { preferences: { affinities } }))]);
    const order = rankFor(state, recordOf(state, 'a.service'));
    assert.deepEqual(
      order.map(({ machine, score }) => [machine.machine, score.affinity]),
      [
        ...[
          ['m1', 10],
          ['m0', 0],
          ['m3', -10],
          ['m2', -20],
        ],
      ],
    );
  });
});

function recordOf(state: ClusterState, unit: string): UnitRecord {
  const record = state.units.get(unit);
  assert.ok(record);
  return record;
}
