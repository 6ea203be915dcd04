import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { actions, anyEvents, machineIds, unitNames } from '../../test/support/arbitraries.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { indexesOf, PlayedCluster } from '../../test/support/playCluster.ts';
import { joined } from '../../test/support/samples.ts';
import { evolve, evolveCommit } from './cluster.ts';
import { draft, initialState, rememberedCommands } from './clusterState.ts';
import type { Event } from './events.ts';
import { restoreState, serializeState } from './serializeState.ts';

const names = [...machineIds, ...unitNames];

function play(of: Parameters<PlayedCluster['act']>[0][]): PlayedCluster {
  const cluster = new PlayedCluster();
  for (const action of of) cluster.act(action);
  return cluster;
}

describe('folding', () => {
  test('takes any events in any order', () => {
    fc.assert(fc.property(anyEvents, (events) => void fold(events)));
  });

  test('gives the same bytes for the same history', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        assert.equal(serializeState(fold(events)), serializeState(fold(structuredClone(events))));
      }),
    );
  });

  test('keeps everything that is derived from the units true to them', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const state = fold(events);
        assert.deepEqual(indexesOf(state, names), indexesOf(restoreState(serializeState(state)), names));
      }),
    );
  });

  test('a unit is pending or waiting, never both, and only one that shall run is pending', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const { pending, waiting, units } = fold(events);
        for (const name of pending.keys()) {
          assert.ok(!waiting.has(name));
          assert.notEqual(units.get(name)?.desired ?? 'inactive', 'inactive');
        }
      }),
    );
  });
});

describe('a saved state', () => {
  test('goes on as if it had never been saved, byte for byte', () => {
    fc.assert(
      fc.property(actions, fc.nat(), (of, at) => {
        const { commits, state } = play(of);
        const cut = at % (commits.length + 1);
        let resumed = initialState();
        for (const [index, commit] of commits.entries()) {
          if (index === cut) resumed = restoreState(serializeState(resumed));
          evolveCommit(resumed, commit, index + 1);
        }
        assert.equal(serializeState(resumed), serializeState(state));
        assert.equal(serializeState(restoreState(serializeState(state))), serializeState(state));
      }),
    );
  });
});

describe('a draft', () => {
  const isOfCluster = ({ type }: Event) => !['NodeSynced', 'UnitStateReported', 'UnitStateForgotten'].includes(type);

  test('never changes what it was made of, and becomes what that would have become', () => {
    fc.assert(
      fc.property(anyEvents, anyEvents, (before, after) => {
        const base = fold(before);
        const bytes = serializeState(base);
        const indexes = indexesOf(base, names);
        const tried = draft(base);
        const done = fold(before);
        for (const [index, event] of after.filter(isOfCluster).entries()) {
          const moment = { seq: 100 + index, at: index };
          evolve(tried, event, moment);
          evolve(done, event, moment);
        }
        assert.equal(serializeState(base), bytes);
        assert.deepEqual(indexesOf(base, names), indexes);
        assert.equal(serializeState(tried), serializeState(done));
        assert.deepEqual(indexesOf(tried, names), indexesOf(done, names));
      }),
    );
  });

  test('of a draft reads through both', () => {
    const base = fold([joined('m1'), joined('m2')]);
    const first = draft(base);
    evolve(first, { type: 'MachineLost', machine: 'm1', reason: '' }, { seq: 3, at: 3 });
    const second = draft(first);
    evolve(second, joined('m3'), { seq: 4, at: 4 });
    const states = (of: typeof base) => Array.from(of.machines.values(), ({ machine, state }) => `${machine} ${state}`);
    assert.deepEqual(states(second), ['m1 lost', 'm2 ready', 'm3 ready']);
    assert.deepEqual(states(first), ['m1 lost', 'm2 ready']);
    assert.deepEqual(states(base), ['m1 ready', 'm2 ready']);
  });
});

test('the last commands are remembered, the oldest are forgotten, on a draft too', () => {
  const state = initialState();
  for (let seq = 1; seq <= rememberedCommands; seq++)
    evolveCommit(state, { at: 0, commands: [{ id: `c${seq}` }], events: [] }, seq);
  const tried = draft(state);
  for (const of of [tried, state]) {
    evolveCommit(of, { at: 0, commands: [{ id: 'x' }, { id: 'y' }], events: [] }, 20_000);
    assert.deepEqual(
      [of.answered.size, of.answered.get('c1'), of.answered.get('c2')],
      [rememberedCommands, undefined, undefined],
    );
    assert.deepEqual([of.answered.get('c3'), of.answered.get('y')], [3, 20_000]);
  }
});
