import type { ClusterState } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import type { AssignedUnit, Assignment } from '../../../shared/protocol/node.ts';

/** Everything that a machine is to do, as of `version`. */
export function assignmentOf(state: ClusterState, machine: string, version: number): Assignment {
  const { cluster } = state;
  const units: AssignedUnit[] = [];
  for (const name of [...state.assigned.get(machine)].sort()) {
    const unit = state.units.get(name);
    const place = unit?.machines[machine];
    if (!unit || !place) continue;
    const { text, hash, desired, goal, restart } = unit;
    // Copies of a global unit do not fence each other: they carry the same token.
    const token = unit.placement.global ? goal : place.token;
    units.push({ name, text, hash, desired, token, goal, restart, cluster });
  }
  const session = state.machines.get(machine)?.session ?? '';
  return { machine, cluster, session, version, units };
}

/** The machines whose assignment the event changes; to be asked before and after it is applied. */
export function touchedBy(state: ClusterState, event: ClusterEvent): string[] {
  switch (event.type) {
    case 'LeaderElected':
    case 'MachineMetadataChanged':
    case 'UnitLeftWaiting':
      return [];
    case 'MachineJoined':
    case 'MachineLost':
    case 'MachineLeft':
    case 'UnitPlaced':
    case 'UnitEvicted':
      return [event.machine];
    default:
      return Object.keys(state.units.get(event.unit)?.machines ?? {});
  }
}
