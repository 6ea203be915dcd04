import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { evolve } from '../../../shared/domain/cluster.ts';
import { type ClusterState, draft } from '../../../shared/domain/clusterState.ts';
import { fold } from '../../../test/support/deciderSpec.ts';
import { joined } from '../../../test/support/samples.ts';
import { compareRanked, type Ranked, scoreOf } from './ranking.ts';
import { Ranking } from './readyMachines.ts';

const loads = fc.record({ memoryBytes: fc.nat(4), cpus: fc.nat(4), units: fc.nat(3), textLength: fc.constant(0) });
const clusters = fc.uniqueArray(
  fc.nat(50).map((n) => `m${n}`),
  { maxLength: 20 },
);

test('machines come out best first, as if they had been sorted', () => {
  fc.assert(
    fc.property(clusters, fc.array(loads, { minLength: 20, maxLength: 20 }), (names, given) => {
      const capacity = { memoryBytes: 4, cpus: 8 };
      const state = fold(names.map((name) => joined(name, { capacity })));
      for (const [index, name] of names.entries())
        state.loads.set(name, given[index] ?? { memoryBytes: 0, cpus: 0, units: 0, textLength: 0 });
      const ranking = new Ranking(state);
      const taken = Array.from(names, () => ranking.take());
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
        assert.equal(Array.from(names, () => ranking.take()).filter(Boolean).length, names.length);
      },
    ),
  );
});

test('machines that are lost or left do not rank', () => {
  const state = fold([joined('m1'), joined('m2'), { type: 'MachineLost', machine: 'm1', reason: '' }]);
  assert.equal(new Ranking(state).take()?.machine.machine, 'm2');
});

describe('from one round to the next', () => {
  type Change = { index: number; what: 'load' | 'lose' | 'join' | 'take'; units: number };
  const changes = fc.array(
    fc.record<Change>({ index: fc.nat(19), what: fc.constantFrom('load', 'lose', 'join', 'take'), units: fc.nat(4) }),
    { maxLength: 12 },
  );

  const change = (state: ClusterState, names: string[], { index, what, units }: Change) => {
    const name = names[index % names.length] ?? '';
    const moment = { seq: 1_000, at: 1_000 };
    if (what === 'load') state.loads.set(name, { memoryBytes: 0, cpus: 0, units, textLength: 0 });
    if (what === 'lose') evolve(state, { type: 'MachineLost', machine: name, reason: '' }, moment);
    if (what === 'join') evolve(state, joined(name), moment);
  };
  const order = (state: ClusterState) => {
    const ranking = new Ranking(state);
    const taken: Ranked[] = [];
    for (let best = ranking.take(); best !== undefined; best = ranking.take()) taken.push(best);
    return taken;
  };
  const sorted = (state: ClusterState) =>
    [...state.machines.values()]
      .filter((machine) => machine.state === 'ready')
      .map((machine) => ({ machine, score: scoreOf(machine, state.loads.get(machine.machine)) }))
      .sort(compareRanked);
  const plain = (ranked: Ranked[]) => ranked.map(({ machine, score }) => [machine, score]);

  test('the order follows what is folded, and what drafts of it try', () => {
    fc.assert(
      fc.property(
        clusters.filter((names) => names.length > 0),
        fc.array(fc.record({ folded: changes, tried: changes, triedAgain: changes }), { maxLength: 5 }),
        (names, rounds) => {
          const state = fold(names.map((name) => joined(name)));
          for (const { folded, tried, triedAgain } of rounds) {
            for (const one of folded) change(state, names, one);
            const first = draft(state);
            for (const one of tried) change(first, names, one);
            const second = draft(first);
            for (const one of triedAgain) change(second, names, one);
            for (const one of [state, first, second]) assert.deepEqual(plain(order(one)), plain(sorted(one)));
          }
        },
      ),
    );
  });

  test('it is the same while machines are taken and put back with other loads', () => {
    fc.assert(
      fc.property(
        clusters.filter((names) => names.length > 0),
        changes,
        changes,
        (names, before, during) => {
          const state = fold(names.map((name) => joined(name)));
          for (const one of before) change(state, names, one);
          order(state);
          const tried = draft(state);
          const ranking = new Ranking(tried);
          for (const { units } of during) {
            const best = ranking.take();
            assert.equal(best?.machine.machine, sorted(tried)[0]?.machine.machine);
            if (!best) return;
            tried.loads.set(best.machine.machine, { memoryBytes: 0, cpus: 0, units, textLength: 0 });
            ranking.put(best.machine);
          }
        },
      ),
    );
  });
});
