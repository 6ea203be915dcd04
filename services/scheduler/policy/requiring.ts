/** Units that require others run beside them: where a unit's dependencies are, and who follows it. */
import {
  addCpus,
  type ClusterState,
  type MachineRecord,
  type UnitRecord,
} from '../../../shared/domain/clusterState.ts';
import { followedBy, followersOf } from '../../../shared/domain/following.ts';
import { reservedOn } from '../../../shared/domain/reserving.ts';

/** Why the machine is not where the units are that this one requires; null where it is, or none matters now. */
export function awayFromRequired(state: ClusterState, unit: UnitRecord, machine: MachineRecord): string | null {
  for (const name of followedBy(state, unit.name)) {
    const target = state.units.get(name);
    if (!target || target.desired === 'inactive') continue;
    const places = Object.keys(target.machines);
    if (places.includes(machine.machine)) continue;
    return `${name}, which it requires, ${places.length === 0 ? 'has no machine' : 'is elsewhere'}`;
  }
  return null;
}

/** Whether a machine takes a unit, as far as it is for the unit itself to say. */
type Fits = (unit: UnitRecord, machine: MachineRecord) => boolean;

/**
 * Says of a machine whether those that require the unit, and have no machine yet, can follow it there, all of them; null
 * where there are none. Those that no machine takes do not count: nothing is to fail for want of what fails anyway.
 */
export function welcomesFollowers(
  state: ClusterState,
  unit: UnitRecord,
  fits: Fits,
): ((machine: MachineRecord) => boolean) | null {
  const unplaced = unplacedFollowers(state, unit);
  // Of most units there are none: then no machine is looked at.
  if (unplaced.length === 0) return null;
  const ready = [...state.machines.values()].filter((machine) => machine.state === 'ready');
  const followers = unplaced.filter((follower) => ready.some((one) => fits(follower, one)));
  if (followers.length === 0) return null;
  return (machine) =>
    followers.every((follower) => fits(follower, machine)) && hasRoomFor(state, machine, [unit, ...followers]);
}

/** Those that wish a machine themselves. */
function unplacedFollowers(state: ClusterState, unit: UnitRecord): UnitRecord[] {
  return followersOf(state, unit.name)
    .flatMap((name) => state.units.get(name) ?? [])
    .filter(
      ({ desired, machines, placement }) =>
        desired !== 'inactive' && !placement.global && Object.keys(machines).length === 0,
    );
}

function hasRoomFor(state: ClusterState, { machine, capacity }: MachineRecord, units: readonly UnitRecord[]): boolean {
  let { memoryBytes = 0, cpus = 0 } = state.loads.get(machine) ?? {};
  for (const { resources } of units) {
    const needed = reservedOn(resources, capacity);
    memoryBytes += needed.memoryBytes;
    cpus = addCpus(cpus, needed.cpus);
  }
  return memoryBytes <= (capacity.memoryBytes ?? Infinity) && cpus <= (capacity.cpus ?? Infinity);
}

/** Where those are that require the unit and are placed already: it goes there, if it may. */
export function placesOfFollowers(state: ClusterState, unit: UnitRecord): string[] {
  const followers = followersOf(state, unit.name);
  // What one of them requires too is to be beside it as well.
  const beside = new Set(followers.flatMap((name) => [name, ...followedBy(state, name)]));
  beside.delete(unit.name);
  return [...beside].sort().flatMap((name) => {
    const other = state.units.get(name);
    return !other || other.placement.global || state.pending.has(name) ? [] : Object.keys(other.machines);
  });
}

/** How many units have a place before this one can: none of those that it follows comes later in this order. */
export function depthOf(state: ClusterState, name: string): number {
  const follows = state.units.get(name)?.placement.machineOf === undefined ? 0 : 1;
  return followedBy(state, name).size + follows;
}
