/** Why a machine may not take a unit. Each filter answers null (it may) or a reason, worded to be counted. */
import {
  addCpus,
  type ClusterState,
  emptyLoad,
  type MachineRecord,
  type UnitRecord,
} from '../../../shared/domain/clusterState.ts';
import { followingCircle } from '../../../shared/domain/following.ts';
import { matchesGlob } from '../../../shared/domain/glob.ts';
import { unmetMetadata } from '../../../shared/domain/machineMetadata.ts';
import { replaces } from '../../../shared/domain/replacing.ts';
import { memoryOn } from '../../../shared/domain/reserving.ts';
import { opponentsOf } from './opponents.ts';
import { awayFromRequired } from './requiring.ts';

export type Reject = string;
type Filter = (state: ClusterState, unit: UnitRecord, machine: MachineRecord) => Reject | null;

const ready: Filter = (_state, _unit, machine) => (machine.state === 'ready' ? null : `machine ${machine.state}`);

const runtimes: Filter = (_state, unit, machine) => {
  const missing = unit.placement.runtimes.find((runtime) => !machine.runtimes.includes(runtime));
  return missing === undefined ? null : `no ${missing} runtime`;
};

const machineId: Filter = (_state, { placement }, machine) =>
  placement.machineId === undefined || placement.machineId === machine.machine ? null : 'another MachineID is required';

const metadata: Filter = (_state, { placement }, machine) => unmetMetadata(placement, machine.metadata);

const machineOf: Filter = (state, { name, placement }, machine) => {
  if (placement.machineOf === undefined) return null;
  // It is refused; in older histories there are some, in which the units would run after each other for ever.
  const circle = followingCircle(name, (unit) => state.units.get(unit)?.placement);
  if (circle !== null) return `MachineOf= in a circle: ${circle.join(' → ')}`;
  const target = state.units.get(placement.machineOf);
  if (!target) return `MachineOf unit ${placement.machineOf} is not known`;
  const places = Object.keys(target.machines);
  if (places.length === 0) return `MachineOf unit ${placement.machineOf} has no machine`;
  return places.includes(machine.machine) ? null : `MachineOf unit ${placement.machineOf} is elsewhere`;
};

/** A unit that requires others is beside them. */
const requires: Filter = awayFromRequired;

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

/** `Conflicts=` of [Unit]: two that would stop each other are kept apart where that is possible. */
const opponents: Filter = (state, unit, machine) => {
  const [opponent] = opponentsOf(state, unit, machine.machine);
  return opponent === undefined ? null : `${opponent.name} runs there, and conflicts with it`;
};

/** The other side of `Replaces=`: who was sent away does not come back. */
const replaced: Filter = (state, unit, machine) => {
  const by = [...state.conflicting.get(machine.machine)].filter((name) => {
    const other = state.units.get(name);
    return other !== undefined && replaces(other.placement, name, unit.name);
  });
  return by.length === 0 ? null : `replaced there by ${by.sort()[0]}`;
};

/** Of a unit that must never run twice, a copy may still run elsewhere. */
const lease: Filter = (state, unit, machine) => {
  const held = state.leases.get(unit.name);
  if (held === undefined || held.machine === machine.machine || unit.placement.global) return null;
  return `its lease on ${held.machine} has not ended: it may still run there`;
};

const cordon: Filter = (state, _unit, machine) => (state.cordons.has(machine.machine) ? 'machine cordoned' : null);

/** `RescheduleAfter=`: it kept failing there. */
const failed: Filter = (state, unit, machine) => {
  const avoids = state.rescheduled.get(unit.name)?.avoids ?? {};
  return Object.hasOwn(avoids, machine.machine) ? 'it kept failing there' : null;
};

const memory: Filter = (state, { resources }, machine) => {
  const capacity = machine.capacity.memoryBytes;
  const needed = memoryOn(resources, machine.capacity);
  if (needed === undefined || capacity === undefined) return null;
  const reserved = state.loads.get(machine.machine)?.memoryBytes ?? 0;
  return reserved + needed <= capacity ? null : 'not enough memory';
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

/** What has to hold for as long as the unit is there; in the order in which the reasons help most. */
const lasting: Readonly<Record<string, Filter>> = {
  ready,
  runtimes,
  machineId,
  metadata,
  machineOf,
  requires,
  conflicts,
  replaced,
};
/** What has to hold when it comes. */
const entering: Readonly<Record<string, Filter>> = {
  lease,
  cordon,
  failed,
  memory,
  cpus,
  assignment,
  opponents,
};
/** What a unit asks of a machine by itself. */
const inherent = [runtimes, machineId, metadata, conflicts];
const all = { ...lasting, ...entering };
const lastingFilters = Object.values(lasting);
const allFilters = Object.values(all);
const filtersBesideOpponents = allFilters.filter((filter) => filter !== opponents);

/** What it asks of a machine by itself, whatever becomes of the units that it has to do with. */
export function fits(state: ClusterState, unit: UnitRecord, machine: MachineRecord): boolean {
  return firstOf(inherent, state, unit, machine) === null;
}

/** As {@link rejects}, but for the units there that it would stop. */
export function rejectsBesideOpponents(state: ClusterState, unit: UnitRecord, machine: MachineRecord): Reject | null {
  return firstOf(filtersBesideOpponents, state, unit, machine);
}

/** The first reason why the machine may not take the unit, or null. */
export function rejects(state: ClusterState, unit: UnitRecord, machine: MachineRecord): Reject | null {
  return firstOf(allFilters, state, unit, machine);
}

/**
 * The same for a machine that has the unit already: room is not asked for again. A reservation that the unit itself
 * holds there must not evict it.
 */
export function stillFits(state: ClusterState, unit: UnitRecord, machine: MachineRecord): Reject | null {
  return firstOf(lastingFilters, state, unit, machine);
}

/** What each filter says, by its name: null, or its reason. */
export function judge(state: ClusterState, unit: UnitRecord, machine: MachineRecord): Record<string, Reject | null> {
  return Object.fromEntries(Object.entries(all).map(([name, filter]) => [name, filter(state, unit, machine)]));
}

function firstOf(
  filters: readonly Filter[],
  state: ClusterState,
  unit: UnitRecord,
  machine: MachineRecord,
): Reject | null {
  for (const filter of filters) {
    const reason = filter(state, unit, machine);
    if (reason !== null) return reason;
  }
  return null;
}

function matchesAny(globs: readonly string[], name: string): boolean {
  return globs.some((glob) => matchesGlob(glob, name));
}
