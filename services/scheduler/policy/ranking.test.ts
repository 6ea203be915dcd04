import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MachineRecord } from '../../../shared/domain/clusterState.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined, machineFacts } from '../../../test/support/samples.ts';
import { compareRanked, Ranking, scoreOf } from './ranking.ts';

const loads = fc.record({ memoryBytes: fc.nat(4), cpus: fc.nat(4), units: fc.nat(3), textLength: fc.constant(0) });
const clusters = fc.uniqueArray(
  fc.nat(50).map((n) => `m${n}`),
  { maxLength: 20 },
);

const record = (machine: string, capacity = {}): MachineRecord => ({
  ...machineFacts(machine, { capacity }),
  ...{ state: 'ready', reason: '', since: 0 },
});

test('machines come out best first, as if they had been sorted', () => {
  fc.assert(
    fc.property(clusters, fc.array(loads, { minLength: 20, maxLength: 20 }), (names, given) => {
      const capacity = { memoryBytes: 4, cpus: 8 };
      const state = fold(names.map((name) => joined(name, { capacity })));
      for (const [index, name] of names.entries())
        state.loads.set(name, given[index] ?? { memoryBytes: 0, cpus: 0, units: 0, textLength: 0 });
      const ranking = new Ranking(state);
      const taken = Array.from({ length: ranking.size }, () => ranking.take());
      const sorted = [...state.machines.values()]
        .map((machine) => ({ machine, score: scoreOf(machine, state.loads.get(machine.machine)) }))
        .sort(compareRanked);
      assert.deepEqual(taken, sorted);
      assert.equal(ranking.take(), undefined);
    }),
  );
});

test('a machine that was given back ranks with the load that it has then', () => {
  fc.assert(
    fc.property(
      clusters.filter((names) => names.length > 0),
      fc.array(fc.nat(3), { maxLength: 30 }),
      (names, steps) => {
        const state = fold(names.map((name) => joined(name)));
        const ranking = new Ranking(state);
        for (const units of steps) {
          const best = ranking.take();
          assert.ok(best);
          const others = names.filter((name) => name !== best.machine.machine);
          for (const other of others) assert.ok((state.loads.get(other)?.units ?? 0) >= best.score.units);
          state.loads.set(best.machine.machine, {
            memoryBytes: 0,
            cpus: 0,
            units: best.score.units + units,
            textLength: 0,
          });
          ranking.put(best.machine);
        }
        assert.equal(ranking.size, names.length);
      },
    ),
  );
});

test('machines that are lost or left do not rank', () => {
  const state = fold([joined('m1'), joined('m2'), { type: 'MachineLost', machine: 'm1', reason: '' }]);
  assert.equal(new Ranking(state).take()?.machine.machine, 'm2');
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
