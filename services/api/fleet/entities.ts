/** fleet's entities, as its API shows them, made of the cluster's state. */
import type { ClusterState, DesiredState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ReportedState } from '../../../shared/domain/events.ts';
import { currentState } from '../../../shared/domain/views.ts';
import { optionsOf, type UnitOption } from './unitOptions.ts';

export interface UnitEntity {
  name: string;
  options: UnitOption[];
  desiredState: DesiredState;
  /** Absent for global units, as in fleet. */
  currentState?: DesiredState;
  machineID?: string;
}

export interface StateEntity {
  name: string;
  /** SHA-1, 40 hex digits: `fleetctl list-units` crashes on less than 7. */
  hash: string;
  machineID: string;
  systemdLoadState: string;
  systemdActiveState: string;
  systemdSubState: string;
}

export interface MachineEntity {
  id: string;
  primaryIP: string;
  metadata: Record<string, string>;
}

/** `isLingering`: it is to be shown as launched for a moment longer. */
export function unitEntity(state: ClusterState, unit: UnitRecord, isLingering: boolean): UnitEntity {
  const { name, text, desired } = unit;
  const entity = { name, options: optionsOf(text), desiredState: desired };
  if (unit.placement.global) return entity;
  const [machine] = Object.keys(unit.machines);
  return {
    ...entity,
    currentState: isLingering && desired === 'loaded' ? 'launched' : shownState(state, unit),
    ...(machine === undefined ? {} : { machineID: machine }),
  };
}

/**
 * fleet's current state. What is told to stop is launched until it has stopped, and what lost its machine is not inactive
 * before the machine has let go of it: `fleetctl stop` and `unload` wait for that.
 */
export function shownState(state: ClusterState, unit: UnitRecord): DesiredState {
  const machines = Object.keys(unit.machines);
  const reports = machines.length > 0 ? reportsFrom(state, unit.name, machines) : reportsFrom(state, unit.name);
  if (unit.desired !== 'launched' && reports.some(isUp)) return 'launched';
  if (machines.length === 0) return reports.length > 0 ? 'loaded' : 'inactive';
  return currentState(state, unit);
}

function reportsFrom(
  state: ClusterState,
  unit: string,
  machines: Iterable<string> = state.reports.keys(),
): ReportedState[] {
  return [...machines].flatMap((machine) => state.reports.get(machine)?.get(unit) ?? []);
}

function isUp({ active }: ReportedState): boolean {
  return active !== 'inactive' && active !== 'failed';
}

/** One unit on one machine. */
export interface StateKey {
  name: string;
  machine: string;
}

/**
 * What machines report, sorted by unit and machine, whether it is placed there (still) or not. `names`: of all units,
 * sorted. A cluster may have very many, and each page asks for all of them: only what is not in that order is sorted.
 */
export function stateKeys(
  state: ClusterState,
  names: readonly string[],
  { machineID, unitName }: { machineID?: string | undefined; unitName?: string | undefined },
): StateKey[] {
  const first = new Map<string, string>();
  const others: StateKey[] = [];
  for (const [machine, reports] of state.reports.entries()) {
    if (machineID !== undefined && machine !== machineID) continue;
    for (const name of unitName === undefined ? reports.keys() : [unitName]) {
      if (!reports.has(name)) continue;
      if (!state.units.has(name) || first.has(name)) others.push({ name, machine });
      else first.set(name, machine);
    }
  }
  const keys: StateKey[] = [];
  for (const name of unitName === undefined ? names : [unitName]) {
    const machine = first.get(name);
    if (machine !== undefined) keys.push({ name, machine });
  }
  return others.length === 0 ? keys : [...keys, ...others].sort(byNameThenMachine);
}

function byNameThenMachine(a: StateKey, b: StateKey): number {
  if (a.name !== b.name) return a.name < b.name ? -1 : 1;
  return a.machine < b.machine ? -1 : 1;
}

export function stateEntity(state: ClusterState, { name, machine }: StateKey): StateEntity[] {
  const report = state.reports.get(machine)?.get(name);
  if (report === undefined) return [];
  const { hash, load, active, sub } = report;
  return [{ name, hash, machineID: machine, systemdLoadState: load, systemdActiveState: active, systemdSubState: sub }];
}

/** Machines that are there, sorted by id. */
export function machineEntities(state: ClusterState): MachineEntity[] {
  return [...state.machines.values()]
    .filter((machine) => machine.state === 'ready')
    .map(({ machine, ip, metadata }) => ({ id: machine, primaryIP: ip, metadata }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}
