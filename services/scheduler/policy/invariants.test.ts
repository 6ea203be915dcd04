import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type ClusterState, draft, type UnitRecord } from '../../../shared/domain/clusterState.ts';
import { hardKinds } from '../../../shared/domain/dependencies.ts';
import { followedBy } from '../../../shared/domain/following.ts';
import { matchesGlob } from '../../../shared/domain/glob.ts';
import { unmetMetadata } from '../../../shared/domain/machineMetadata.ts';
import { replaces } from '../../../shared/domain/replacing.ts';
import { restoreState, serializeState } from '../../../shared/domain/serializeState.ts';
import { UnitGraph } from '../../../shared/domain/unitGraph.ts';
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
    { numRuns: Number(process.env.RUNS ?? 200) },
  );
}

const unitsOf = (state: ClusterState) => [...state.units.values()];
const placesOf = ({ machines }: Pick<UnitRecord, 'machines'>) => Object.keys(machines);
const noUnit = { machines: {} };
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

  test('a unit that is placed anew waits for the machine that it has left, as long as that is there', () => {
    fc.assert(
      fc.property(actions, (history) => {
        const cluster = new PlayedCluster();
        const { state } = cluster;
        for (const action of history) {
          const before = new Map(
            unitsOf(state).map((unit) => [unit.name, { unit, waits: state.awaiting.get(unit.name) }]),
          );
          const first = cluster.commits.length + 1;
          cluster.act(action);
          for (const [name, { machine }] of state.awaiting.entries()) {
            assert.equal(state.machines.get(machine)?.state, 'ready', `${name} waits for ${machine}`);
            assert.ok(!placesOf(state.units.get(name) ?? noUnit).includes(machine), `${name} waits for itself`);
          }
          for (const [name, { unit, waits }] of before) {
            const now = state.units.get(name) ?? unit;
            const [[here, place] = []] = Object.entries(now.machines);
            // Where it was waiting already, it was not started.
            const [from] = waits ? [waits.machine] : placesOf(unit);
            const isGlobal = unit.placement.global || now.placement.global;
            if (isGlobal || place?.token !== first || from === undefined || from === here) continue;
            const isThere = state.machines.get(from)?.state === 'ready';
            if (isThere) assert.equal(state.awaiting.get(name)?.machine, from, `${name} is started beside ${from}`);
          }
        }
      }),
    );
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

  test('what is replaced is not on the machine of what replaces it', () => {
    always((state) => {
      for (const unit of unitsOf(state)) {
        for (const name of placesOf(unit).flatMap((machine) => [...state.assigned.get(machine)])) {
          assert.ok(!replaces(unit.placement, unit.name, name), `${name} beside ${unit.name}`);
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

  test('a unit that requires others is beside each of them that has a machine', () => {
    always((state) => {
      const graph = new UnitGraph(state);
      for (const unit of unitsOf(state)) {
        for (const name of graph.related(unit.name, hardKinds)) {
          const required = state.units.get(name);
          // Of global units that require each other, one leads: it is on every machine, also where the others cannot follow.
          if (unit.placement.global && !followedBy(state, unit.name).has(name)) continue;
          if (!required || placesOf(required).length === 0) continue;
          for (const machine of placesOf(unit))
            assert.ok(placesOf(required).includes(machine), `${unit.name} ✗ ${name}`);
        }
      }
    });
  });

  test('units that stop each other are not both launched on one machine', () => {
    always((state) => {
      const graph = new UnitGraph(state);
      for (const unit of unitsOf(state).filter(({ desired }) => desired === 'launched')) {
        for (const name of graph.related(unit.name, ['Conflicts'])) {
          const other = state.units.get(name);
          if (other?.desired !== 'launched' || other.placement.global || unit.placement.global) continue;
          assert.ok(
            !placesOf(unit).some((machine) => placesOf(other).includes(machine)),
            `${unit.name} beside ${name}`,
          );
        }
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

  test('a machine keeps what it has: only a loss, a wish, a bond, a drain, a replacement or a machine that became another moves a unit', () => {
    fc.assert(
      fc.property(actions, (history) => {
        const cluster = new PlayedCluster();
        for (const action of history) {
          const before = new Map(unitsOf(cluster.state).map((unit) => [unit.name, unit]));
          cluster.act(action);
          if (action.kind !== 'command' || action.command.type !== 'JoinMachine') continue;
          for (const unit of before.values()) {
            const now = cluster.state.units.get(unit.name);
            const isRequiring = unit.dependencies !== undefined || cluster.state.dependents.get(unit.name).size > 0;
            const isBound = unit.placement.global || unit.placement.machineOf !== undefined || isRequiring;
            const isReplaced = [...before.values()].some(({ placement, name }) => replaces(placement, name, unit.name));
            const staying =
              isBound || isReplaced ? [] : placesOf(unit).filter((machine) => !isDrained(cluster.state, machine));
            for (const machine of staying.filter((id) => isStillGood(cluster.state, id, unit))) {
              assert.equal(now?.machines[machine]?.token, unit.machines[machine]?.token, `${unit.name} was moved`);
            }
          }
        }
      }),
    );
  });
});

/** The machine has not come back with other metadata, or without a runtime, that the unit needs. */
function isStillGood(state: ClusterState, id: string, { placement }: UnitRecord): boolean {
  const machine = state.machines.get(id);
  if (!machine || unmetMetadata(placement, machine.metadata) !== null) return false;
  return placement.runtimes.every((runtime) => machine.runtimes.includes(runtime));
}

describe('reconciling', () => {
  test('a second time finds nothing to do', () => {
    always((state, { commits }) => assert.deepEqual(reconcileAll(draft(state), commits.length + 1), []));
  });

  test('gives the same tasks for the same state, also after a restart from a snapshot', () => {
    fc.assert(
      fc.property(actions, actions, (history, more) => {
        const cluster = new PlayedCluster();
        for (const action of history) cluster.act(action);
        const before = cluster.commits.length;
        const restored = new PlayedCluster(restoreState(serializeState(cluster.state)), before);
        const resumed = new PlayedCluster(restoreState(serializeState(cluster.state)), before);
        for (const one of [restored, resumed]) one.settle();
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

function isDrained(state: ClusterState, machine: string): boolean {
  return (state.cordons.get(machine)?.drain ?? 'no') !== 'no';
}

/** The reasons of the ready machines, counted. */
function rejectionsNow(state: ClusterState, unit: UnitRecord): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const machine of readyOf(state)) {
    // It may go back when nobody else takes it, once no copy can be running there any more.
    const isLeft = state.moving.get(unit.name)?.from === machine.machine && state.leases.has(unit.name);
    const why = isLeft ? 'it is moved away from there' : rejects(state, unit, machine);
    const reason = why ?? 'none: it may take it';
    counts[reason] = (counts[reason] ?? 0) + 1;
  }
  return counts;
}
