/** Why a machine may not take a unit. Each filter answers null (it may) or a reason, worded to be counted. */
import {
  addCpus,
  type ClusterState,
  emptyLoad,
  type MachineRecord,
  type UnitRecord,
} from '../../../shared/domain/clusterState.ts';
import { matchesGlob } from '../../../shared/domain/glob.ts';

export type Reject = string;
type Filter = (state: ClusterState, unit: UnitRecord, machine: MachineRecord) => Reject | null;

const ready: Filter = (_state, _unit, machine) => (machine.state === 'ready' ? null : `machine ${machine.state}`);

const runtimes: Filter = (_state, unit, machine) => {
  const missing = unit.placement.runtimes.find((runtime) => !machine.runtimes.includes(runtime));
  return missing === undefined ? null : `no ${missing} runtime`;
};

const machineId: Filter = (_state, { placement }, machine) =>
  placement.machineId === undefined || placement.machineId === machine.machine ? null : 'another MachineID is required';

const metadata: Filter = (_state, { placement }, machine) => {
  const unmet = placement.metadata.find(({ key, values }) => !values.includes(machine.metadata[key] ?? ''));
  return unmet === undefined ? null : `metadata ${unmet.key} is not ${unmet.values.join(' or ')}`;
};

const machineOf: Filter = (state, { placement }, machine) => {
  if (placement.machineOf === undefined) return null;
  const target = state.units.get(placement.machineOf);
  if (!target) return `MachineOf unit ${placement.machineOf} is not known`;
  const places = Object.keys(target.machines);
  if (places.length === 0) return `MachineOf unit ${placement.machineOf} has no machine`;
  return places.includes(machine.machine) ? null : `MachineOf unit ${placement.machineOf} is elsewhere`;
};

/** `Conflicts=` binds both ways: what the unit says of those there, and what those there say of it. */
const conflicts: Filter = (state, unit, machine) => {
  const opponents: string[] = [];
  for (const name of state.conflicting.get(machine.machine)) {
    if (matchesAny(state.units.get(name)?.placement.conflicts ?? [], unit.name)) opponents.push(name);
  }
  if (unit.placement.conflicts.length > 0) {
    for (const name of state.assigned.get(machine.machine)) {
      if (matchesAny(unit.placement.conflicts, name)) opponents.push(name);
    }
  }
  // The order of the indexes is that of placement, or after a snapshot another one: the reason must not depend on it.
  const first = opponents.filter((name) => name !== unit.name).sort()[0];
  return first === undefined ? null : `conflict with ${first}`;
};

const memory: Filter = (state, { resources }, machine) => {
  const capacity = machine.capacity.memoryBytes;
  if (resources.memoryBytes === undefined || capacity === undefined) return null;
  const reserved = state.loads.get(machine.machine)?.memoryBytes ?? 0;
  return reserved + resources.memoryBytes <= capacity ? null : 'not enough memory';
};

const cpus: Filter = (state, { resources }, machine) => {
  const capacity = machine.capacity.cpus;
  if (resources.cpus === undefined || capacity === undefined) return null;
  const reserved = state.loads.get(machine.machine)?.cpus ?? 0;
  return addCpus(reserved, resources.cpus) <= capacity ? null : 'not enough CPU';
};

/** A NATS server takes messages of 1 MiB unless it is told otherwise; a unit's other fields have about 300 bytes. */
const maxAssignmentLength = 900 * 1024;
const fieldsLength = 300;

const assignment: Filter = (state, { text }, machine) => {
  const { textLength, units } = state.loads.get(machine.machine) ?? emptyLoad;
  const length = textLength + text.length + (units + 1) * fieldsLength;
  return length <= maxAssignmentLength ? null : 'no room in the machine’s assignment';
};

/** In the order in which their reasons help most. */
const filters: readonly Filter[] = [
  ready,
  runtimes,
  machineId,
  metadata,
  machineOf,
  conflicts,
  memory,
  cpus,
  assignment,
];

/** The first reason why the machine may not take the unit, or null. */
export function rejects(state: ClusterState, unit: UnitRecord, machine: MachineRecord): Reject | null {
  for (const filter of filters) {
    const reason = filter(state, unit, machine);
    if (reason !== null) return reason;
  }
  return null;
}

/**
 * The same for a machine that has the unit already: room is not asked for again. A reservation that the unit itself
 * holds there must not evict it.
 */
export function stillFits(state: ClusterState, unit: UnitRecord, machine: MachineRecord): Reject | null {
  return rejects(state, { ...unit, resources: {}, text: '' }, machine);
}

function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matchesGlob(glob, name));
}
