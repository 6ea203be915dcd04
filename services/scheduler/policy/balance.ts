import {
  addCpus,
  type ClusterState,
  emptyLoad,
  type Load,
  type MachineRecord,
  type UnitRecord,
} from '../../../shared/domain/clusterState.ts';
import { reservedOn } from '../../../shared/domain/reserving.ts';
import { hasDoneItsWork } from '../../../shared/domain/unit.ts';
import type { Balance } from '../../../shared/protocol/queries.ts';
import { hasPreferences, loadOf, preferenceScores } from './ranking.ts';
import { Siblings } from './siblings.ts';

/** Shares are counted in thousandths: sums of whole numbers are the same in whatever order. */
const permille = 1_000;

/** The machines that a rebalance evens out: those that take units now. */
export function evenable(state: ClusterState): MachineRecord[] {
  return [...state.machines.values()].filter(({ machine, state: is }) => is === 'ready' && !state.cordons.has(machine));
}

/** What is evened out. */
export type MachineLoad = Pick<Load, 'memoryBytes' | 'cpus' | 'units'>;
export type Loads = ReadonlyMap<string, MachineLoad>;

export function loadsOf(state: ClusterState, machines: readonly MachineRecord[] = evenable(state)): Loads {
  return new Map(machines.map(({ machine }) => [machine, loadOn(state, machine)]));
}

/** What units reserve and how many they are, without those that have done their work: they run nowhere. */
export function loadOn(state: ClusterState, machine: string): MachineLoad {
  let { memoryBytes, cpus, units } = state.loads.get(machine) ?? emptyLoad;
  for (const report of state.reports.get(machine)?.values() ?? []) {
    const unit = state.units.get(report.unit);
    if (!unit || !Object.hasOwn(unit.machines, machine) || !hasDoneItsWork(unit, report)) continue;
    const reserved = reservedOn(unit.resources, state.machines.get(machine)?.capacity);
    memoryBytes -= reserved.memoryBytes;
    cpus = addCpus(cpus, -reserved.cpus);
    units -= 1;
  }
  return { memoryBytes, cpus, units };
}

/** How full a machine is, 0 to 1,000; with a unit more there (1), or without one that is there (-1). */
export function fullness(loads: Loads, machine: MachineRecord, unit?: UnitRecord, sign: 1 | -1 = 1): number {
  const load = loads.get(machine.machine) ?? emptyLoad;
  const { memoryBytes, cpus } = reservedOn(unit?.resources ?? {}, machine.capacity);
  const reserved = load.memoryBytes + sign * memoryBytes;
  const used = cpus === 0 ? load.cpus : addCpus(load.cpus, sign * cpus);
  return Math.round(permille * loadOf(machine, reserved, used));
}

/** How uneven the cluster is: the less the better, spreading first, then affinities, then reserved shares, then units. */
export function balanceOf(state: ClusterState): Balance {
  return drained(balanceInSlices(state));
}

const unitsAtOnce = 2_000;

/** The same, some units at a time. */
export function* balanceInSlices(state: ClusterState): Generator<undefined, Balance, undefined> {
  const machines = evenable(state);
  const siblings = new Siblings(state);
  const spread: number[] = [];
  let affinity = 0;
  let looked = 0;
  for (const unit of state.units.values()) {
    if (++looked % unitsAtOnce === 0) yield undefined;
    if (!hasPreferences(unit) || unit.placement.global) continue;
    const place = state.machines.get(Object.keys(unit.machines)[0] ?? '');
    if (place?.state !== 'ready') continue;
    const score = preferenceScores(unit, siblings)(place);
    affinity += score.affinity ?? 0;
    for (const [index, count] of (score.spread ?? []).entries()) {
      const hasKey = place.metadata[unit.placement.preferences?.spread?.[index] ?? ''] !== undefined;
      spread[index] = (spread[index] ?? 0) + (hasKey ? count : 2 * count);
    }
  }
  const loads = loadsOf(state);
  const load = rootMeanSquare(machines.map((machine) => fullness(loads, machine) / permille));
  const units = rootMeanSquare([...loads.values()].map((one) => one.units));
  return { spread, affinity, load, units };
}

function rootMeanSquare(numbers: readonly number[]): number {
  const sum = numbers.reduce((total, number) => total + number * number, 0);
  return numbers.length === 0 ? 0 : Math.sqrt(sum / numbers.length);
}

/** What is done a part at a time, done at once. */
export function drained<T>(parts: Generator<unknown, T, undefined>): T {
  for (;;) {
    const { done, value } = parts.next();
    if (done) return value;
  }
}
