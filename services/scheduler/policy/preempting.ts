import {
  addCpus,
  type ClusterState,
  type MachineRecord,
  type UnitRecord,
} from '../../../shared/domain/clusterState.ts';
import { reservedOn } from '../../../shared/domain/reserving.ts';
import { rejects } from './filters.ts';
import type { Work } from './work.ts';

/**
 * Makes room for a unit that no machine has room for, by evicting units of lower priority: on the machine where the
 * least important ones, and the fewest, have to go. False where that helps nowhere. What is evicted is placed anew.
 */
export function preempt(work: Work, unit: UnitRecord): boolean {
  const best = leastHarm(work.state, unit);
  if (best === null) return false;
  for (const victim of best.victims) {
    const reason = `gives way to ${unit.name} (priority ${priorityOf(unit)} over ${priorityOf(victim)})`;
    work.apply({ type: 'UnitEvicted', unit: victim.name, machine: best.machine, reason });
  }
  return true;
}

export function priorityOf({ placement }: UnitRecord): number {
  return placement.preferences?.priority ?? 0;
}

interface Harm {
  machine: string;
  victims: UnitRecord[];
}

function leastHarm(state: ClusterState, unit: UnitRecord): Harm | null {
  let least: Harm | null = null;
  for (const machine of state.machines.values()) {
    const victims = machine.state === 'ready' ? victimsOn(state, unit, machine) : null;
    if (victims === null) continue;
    const harm = { machine: machine.machine, victims };
    if (least === null || compareHarm(harm, least) < 0) least = harm;
  }
  return least;
}

/** Those without which the machine may take the unit, none too many; null where it may not even then. */
function victimsOn(state: ClusterState, unit: UnitRecord, machine: MachineRecord): UnitRecord[] | null {
  if (rejects(state, { ...unit, resources: {} }, machine) !== null) return null;
  const lower = [...state.assigned.get(machine.machine)]
    .flatMap((name) => state.units.get(name) ?? [])
    .filter((other) => priorityOf(other) < priorityOf(unit) && isReserving(other))
    .sort((a, b) => priorityOf(a) - priorityOf(b) || compareNames(a.name, b.name));
  let freed = { memoryBytes: 0, cpus: 0 };
  const victims: UnitRecord[] = [];
  for (const victim of lower) {
    if (hasRoom(state, unit, machine, freed)) break;
    victims.push(victim);
    freed = add(freed, reservedOn(victim.resources, machine.capacity));
  }
  if (!hasRoom(state, unit, machine, freed)) return null;
  return victims.filter((victim) => {
    const without = subtract(freed, reservedOn(victim.resources, machine.capacity));
    const isNeedless = hasRoom(state, unit, machine, without);
    if (isNeedless) freed = without;
    return !isNeedless;
  });
}

interface Room {
  memoryBytes: number;
  cpus: number;
}

function hasRoom(state: ClusterState, { resources }: UnitRecord, machine: MachineRecord, freed: Room): boolean {
  const { memoryBytes = 0, cpus = 0 } = state.loads.get(machine.machine) ?? {};
  const { capacity } = machine;
  const needs = reservedOn(resources, capacity);
  const fits = (sum: number, need: number, most = Number.POSITIVE_INFINITY) => need === 0 || sum <= most;
  return (
    fits(memoryBytes - freed.memoryBytes + needs.memoryBytes, needs.memoryBytes, capacity.memoryBytes) &&
    fits(addCpus(addCpus(cpus, -freed.cpus), needs.cpus), needs.cpus, capacity.cpus)
  );
}

function add(room: Room, { memoryBytes, cpus }: Room): Room {
  return { memoryBytes: room.memoryBytes + memoryBytes, cpus: addCpus(room.cpus, cpus) };
}

function subtract(room: Room, { memoryBytes, cpus }: Room): Room {
  return { memoryBytes: room.memoryBytes - memoryBytes, cpus: addCpus(room.cpus, -cpus) };
}

function isReserving({ resources: { memoryBytes = 0, memoryFraction = 0, cpus = 0 } }: UnitRecord): boolean {
  return memoryBytes > 0 || memoryFraction > 0 || cpus > 0;
}

/** The highest priority that has to go, then how many, then the machine's id. */
function compareHarm(a: Harm, b: Harm): number {
  const highest = ({ victims }: Harm) => Math.max(...victims.map(priorityOf));
  return highest(a) - highest(b) || a.victims.length - b.victims.length || compareNames(a.machine, b.machine);
}

function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
