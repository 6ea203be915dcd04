import {
  type ClusterState,
  emptyLoad,
  type Load,
  type MachineRecord,
  type UnitRecord,
} from '../../../shared/domain/clusterState.ts';
import type { Score } from '../../../shared/domain/events.ts';
import { Siblings } from './siblings.ts';

/** How good a machine is for one more unit: the least reserved share first, then the fewest units, then the lowest id. */
export function scoreOf(machine: MachineRecord, load: Load = emptyLoad): Score {
  return { load: loadOf(machine, load.memoryBytes, load.cpus), units: load.units };
}

/** The larger of the shares that are reserved, 0 to 1. */
export function loadOf({ capacity }: MachineRecord, memoryBytes: number, cpus: number): number {
  return Math.max(share(memoryBytes, capacity.memoryBytes), share(cpus, capacity.cpus));
}

/** A unit with preferences ranks the machines for itself: by what it spreads over, then by its affinities, then as all. */
export function rankFor(state: ClusterState, unit: UnitRecord): Ranked[] {
  return scoreAll(state, unit, new Siblings(state)).sort(compareRanked);
}

/** The ready machines with their scores for a unit with preferences, in no order. */
export function scoreAll(state: ClusterState, unit: UnitRecord, siblings: Siblings): Ranked[] {
  const preferred = preferenceScores(unit, siblings);
  const scored: Ranked[] = [];
  for (const machine of state.machines.values()) {
    if (machine.state !== 'ready') continue;
    scored.push({ machine, score: { ...scoreOf(machine, state.loads.get(machine.machine)), ...preferred(machine) } });
  }
  return scored;
}

/** Whether the unit ranks the machines otherwise than all others do. */
export function hasPreferences({ placement: { preferences } }: UnitRecord): boolean {
  return preferences?.spread !== undefined || preferences?.affinities !== undefined;
}

/** What a unit's preferences say of a machine; better first: lower `spread`, higher `affinity`. */
export type Preferred = Pick<Score, 'spread' | 'affinity'>;

export function preferenceScores(unit: UnitRecord, siblings: Siblings): (machine: MachineRecord) => Preferred {
  const { spread, affinities } = unit.placement.preferences ?? {};
  const counts = spread?.map((key) => ({ key, ...siblings.beside(unit, key) }));
  return (machine) => ({
    // A machine without the key is as good as one where all are.
    ...(counts && { spread: counts.map(({ key, countIn, all }) => countIn(machine.metadata[key]) ?? all + 1) }),
    ...(affinities && {
      affinity: affinities.reduce(
        (sum, { key, value, weight }) => sum + (machine.metadata[key] === value ? weight : 0),
        0,
      ),
    }),
  });
}

/** A rounded share, so that sums of fractions in another order rank the same. */
function share(reserved: number, capacity: number | undefined): number {
  return capacity ? Math.round((1000 * reserved) / capacity) / 1000 : 0;
}

export interface Ranked {
  machine: MachineRecord;
  score: Score;
}

export function compareRanked(a: Ranked, b: Ranked): number {
  return (
    compareSpread(a.score.spread, b.score.spread) ||
    (b.score.affinity ?? 0) - (a.score.affinity ?? 0) ||
    a.score.load - b.score.load ||
    a.score.units - b.score.units ||
    (a.machine.machine < b.machine.machine ? -1 : a.machine.machine > b.machine.machine ? 1 : 0)
  );
}

/** Negative: `a` has fewer, by the first key that differs. */
export function compareSpread(a: readonly number[] = [], b: readonly number[] = []): number {
  for (const [index, count] of a.entries()) {
    const difference = count - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
