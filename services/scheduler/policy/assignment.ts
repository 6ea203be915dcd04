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
    const { text, hash, desired, goal, restart, reload } = unit;
    // Copies of a global unit do not fence each other: they carry the same token.
    const token = unit.placement.global ? goal : place.token;
    const { machine: awaited } = state.awaiting.get(name) ?? {};
    const awaits = awaited === undefined || unit.placement.global ? {} : { awaits: awaited };
    const past = {
      ...(unit.timer ? { timer: unit.timer } : {}),
      ...(reload === undefined ? {} : { reload }),
      ...(unit.monitored ? { monitored: unit.monitored } : {}),
    };
    units.push({ name, text, hash, desired, token, goal, restart, cluster, ...awaits, ...past });
  }
  const session = state.machines.get(machine)?.session ?? '';
  return { machine, cluster, session, version, units };
}

/** The machines whose assignment the event changes; to be asked before and after it is applied. */
export function touchedBy(state: ClusterState, event: ClusterEvent): string[] {
  switch (event.type) {
    case 'LeaderElected':
    case 'MachineMetadataChanged':
    case 'MachineCordoned':
    case 'MachineUncordoned':
    case 'MachineDrained':
    case 'RolloutStarted':
    case 'RolloutStepped':
    case 'RolloutUnitsWell':
    case 'RolloutTurned':
    case 'RolloutEnded':
    case 'MachineForgotten':
    case 'RebalanceStarted':
    case 'RebalanceEnded':
    case 'UnitLeftWaiting':
    case 'UnitLeaseEnded':
    case 'UnitMayReturn':
    case 'UnitFailsNoMore':
    case 'UnitTriggered':
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
