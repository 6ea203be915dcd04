import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { UnitGraph } from '../../../shared/domain/unitGraph.ts';

/** The launched units there that the unit's start would stop (`Conflicts=` of [Unit], whoever says it), by name. */
export function opponentsOf(state: ClusterState, unit: UnitRecord, machine: string): UnitRecord[] {
  if (unit.desired !== 'launched') return [];
  if (unit.dependencies === undefined && state.dependents.get(unit.name).size === 0) return [];
  return new UnitGraph(state)
    .related(unit.name, ['Conflicts'])
    .flatMap((name) => state.units.get(name) ?? [])
    .filter((other) => other.desired === 'launched' && Object.hasOwn(other.machines, machine));
}
