import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ClusterState, draft, type UnitRecord } from '../../../shared/domain/clusterState.ts';
import { matchesGlob } from '../../../shared/domain/glob.ts';
import { restoreState, serializeState } from '../../../shared/domain/serializeState.ts';
import { actions } from '../../../test/support/arbitraries.ts';
import { PlayedCluster, reconcileAll } from '../../../test/support/playCluster.ts';
import { rejects } from './filters.ts';

/** Holds after every action of any history; `since` is how many commits there were before the action. */
function always(check: (state: ClusterState, cluster: PlayedCluster, since: number) => void): void {
  fc.assert(
    fc.property(actions, (history) => {
      const cluster = new PlayedCluster();
      for (const action of history) {
        const since = cluster.commits.length;
        cluster.act(action);
        check(cluster.state, cluster, since);
      }
    }),
    { numRuns: 200 },
  );
}

const unitsOf = (state: ClusterState) => [...state.units.values()];
const placesOf = (unit: UnitRecord) => Object.keys(unit.machines);
const readyOf = (state: ClusterState) => [...state.machines.values()].filter((machine) => machine.state === 'ready');

describe('whatever happens to a cluster', () => {
  test('no unit is on a machine that is not ready, and none that shall not run is anywhere', () => {
    always((state) => {
      for (const unit of unitsOf(state)) {
        for (const machine of placesOf(unit)) assert.equal(state.machines.get(machine)?.state, 'ready');
        if (unit.desired === 'inactive') assert.deepEqual(placesOf(unit), []);
      }
    });
  });

  test('a unit that shall run has one machine, or waits for reasons that are true now', () => {
    always((state) => {
      assert.deepEqual([...state.pending.entries()], []);
      for (const unit of unitsOf(state).filter(
        ({ desired, placement }) => desired !== 'inactive' && !placement.global,
      )) {
        const waits = state.waiting.has(unit.name);
        assert.equal(placesOf(unit).length, waits ? 0 : 1, `${unit.name} ${waits ? 'waits' : 'does not wait'}`);
        if (waits) assert.deepEqual(state.waiting.get(unit.name)?.rejected, rejectionsNow(state, unit));
      }
    });
  });

  test('conflicting units share no machine', () => {
    always((state) => {
      for (const unit of unitsOf(state)) {
        const neighbours = placesOf(unit).flatMap((machine) => [...state.assigned.get(machine)]);
        for (const other of neighbours.filter((name) => name !== unit.name)) {
          assert.ok(!unit.placement.conflicts.some((glob) => matchesGlob(glob, other)), `${unit.name} beside ${other}`);
        }
      }
    });
  });

  test('a unit is where the unit is that its MachineOf names', () => {
    always((state) => {
      for (const unit of unitsOf(state)) {
        const { machineOf } = unit.placement;
        if (machineOf === undefined) continue;
        const targets = Object.keys(state.units.get(machineOf)?.machines ?? {});
        for (const machine of placesOf(unit)) assert.ok(targets.includes(machine), `${unit.name} is left alone`);
      }
    });
  });

  test('a global unit is on every machine that may take it, and on no other', () => {
    always((state) => {
      for (const unit of unitsOf(state).filter(
        ({ desired, placement }) => desired !== 'inactive' && placement.global,
      )) {
        const elsewhere = readyOf(state).filter(({ machine }) => !placesOf(unit).includes(machine));
        for (const machine of elsewhere) assert.notEqual(rejects(state, unit, machine), null, machine.machine);
      }
    });
  });

  test('a unit is placed only where there is room for it', () => {
    always((state, _cluster, since) => {
      for (const { machine, capacity } of readyOf(state)) {
        const units = unitsOf(state).filter((unit) => placesOf(unit).includes(machine));
        const newcomers = units.filter(
          ({ machines, resources }) => (machines[machine]?.token ?? 0) > since && resources.memoryBytes,
        );
        const reserved = units.reduce((sum, { resources }) => sum + (resources.memoryBytes ?? 0), 0);
        if (newcomers.length > 0) assert.ok(reserved <= (capacity.memoryBytes ?? reserved), `${machine}: ${reserved}`);
      }
    });
  });

  test('a machine keeps what it has: only a loss, a wish, or a bond moves a unit', () => {
    fc.assert(
      fc.property(actions, (history) => {
        const cluster = new PlayedCluster();
        for (const action of history) {
          const before = new Map(unitsOf(cluster.state).map((unit) => [unit.name, unit]));
          cluster.act(action);
          if (action.kind !== 'command' || action.command.type !== 'JoinMachine') continue;
          for (const unit of before.values()) {
            const now = cluster.state.units.get(unit.name);
            const isBound = unit.placement.global || unit.placement.machineOf !== undefined;
            for (const machine of isBound ? [] : placesOf(unit)) {
              assert.equal(now?.machines[machine]?.token, unit.machines[machine]?.token, `${unit.name} was moved`);
            }
          }
        }
      }),
    );
  });
});

describe('reconciling', () => {
  test('a second time finds nothing to do', () => {
    always((state, { commits }) => assert.deepEqual(reconcileAll(draft(state), commits.length + 1), []));
  });

  test('gives the same tasks for the same state, also after a restart from a snapshot', () => {
    fc.assert(
      fc.property(actions, actions, (history, more) => {
        const cluster = new PlayedCluster();
        for (const action of history) cluster.act(action);
        const restored = new PlayedCluster(restoreState(serializeState(cluster.state)));
        const resumed = new PlayedCluster(restoreState(serializeState(cluster.state)));
        for (const action of more) {
          restored.act(action);
          resumed.act(action);
          cluster.act(action);
        }
        assert.deepEqual(restored.commits, resumed.commits);
        const tasks = (of: PlayedCluster) => of.commits.map(({ events }) => events);
        assert.deepEqual(tasks(restored), tasks(cluster).slice(-restored.commits.length || tasks(cluster).length));
      }),
      { numRuns: 200 },
    );
  });
});

/** The reasons of the ready machines, counted. */
function rejectionsNow(state: ClusterState, unit: UnitRecord): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const machine of readyOf(state)) {
    const reason = rejects(state, unit, machine) ?? 'none: it may take it';
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}
