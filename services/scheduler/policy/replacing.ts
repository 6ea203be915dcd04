import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { replaces } from '../../../shared/domain/replacing.ts';
import { rejects } from './filters.ts';
import type { Work } from './work.ts';

/** Where a unit with `Replaces=` belongs: the machine of a unit that it replaces, if it may run there. */
export function placeOfReplaced(state: ClusterState, unit: UnitRecord): string | undefined {
  if (!unit.placement.replaces) return undefined;
  const places = [...state.units.values()]
    .filter(({ name }) => replaces(unit.placement, unit.name, name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ machines }) => Object.keys(machines).sort());
  return places.find((id) => {
    const machine = state.machines.get(id);
    return machine !== undefined && rejects(state, unit, machine) === null;
  });
}

/** Whom the unit replaces has to leave its machine, and is placed anew. */
export function evictReplaced(work: Work, unit: UnitRecord, machine: string): void {
  if (!unit.placement.replaces) return;
  for (const name of [...work.state.assigned.get(machine)].sort()) {
    if (!replaces(unit.placement, unit.name, name)) continue;
    work.apply({ type: 'UnitEvicted', unit: name, machine, reason: `replaced there by ${unit.name}` });
  }
}
