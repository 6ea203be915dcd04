import { isActivated } from './activation.ts';
import type { ClusterState, UnitRecord } from './clusterState.ts';
import type { ClusterEvent } from './events.ts';
import { type Rejection, reject } from './rejection.ts';
import { whyNotReloaded } from './reloading.ts';
import { type Concerns, clashesIn, type Job, jobsBeside } from './transaction.ts';
import type { UnitCommand, UnitRef } from './unit.ts';
import { UnitGraph } from './unitGraph.ts';

const jobTypes: Partial<Record<UnitCommand['type'], Job['type']>> = {
  StartUnits: 'start',
  StopUnits: 'stop',
  UnloadUnits: 'stop',
  DestroyUnits: 'stop',
  RestartUnits: 'restart',
  ReloadUnits: 'reload',
};

interface Asked {
  job: Job['type'];
  names: string[];
}

/** What the command makes units do. One that is launched starts anew by itself when it gets another version. */
function askedOf(state: ClusterState, type: UnitCommand['type'], refs: readonly UnitRef[]): Asked | null {
  const job = jobTypes[type] ?? 'start';
  const doing = job === jobTypes[type] ? refs : refs.filter((ref) => replacesLaunched(state, ref));
  return doing.length === 0 ? null : { job, names: doing.map(({ name }) => name) };
}

/** It brings another version of a unit that is launched. */
export function replacesLaunched(state: ClusterState, { name, submission }: UnitRef): boolean {
  const known = state.units.get(name);
  return submission !== undefined && known?.desired === 'launched' && known.hash !== submission.hash;
}

/** What becomes of other units with a command: those that start, stop, restart or reload because the ones it names do. */
export function eventsBeside(state: ClusterState, type: UnitCommand['type'], refs: readonly UnitRef[]): ClusterEvent[] {
  const asked = askedOf(state, type, refs);
  if (asked === null) return [];
  const { job, names } = asked;
  const graph = new UnitGraph(state, refs);
  const concerns = job === 'stop' ? stopConcernsIn(state) : concernsIn(state);
  const isEnded = (name: string) => {
    const unit = state.units.get(name);
    if (unit === undefined) return false;
    const isWished = unit.desired === 'launched' || isActivated(state, unit);
    return !isWished || isDown(state, unit);
  };
  return jobsBeside(graph, job, names, concerns, isEnded).flatMap((one) => eventFor(state, one));
}

/** systemd refuses to start units together that stop each other. On different machines they do not. */
export function refuseClashes(
  state: ClusterState,
  type: UnitCommand['type'],
  refs: readonly UnitRef[],
): Rejection | null {
  const asked = askedOf(state, type, refs);
  if (asked?.job !== 'start' && asked?.job !== 'restart') return null;
  const clashes = clashesIn(new UnitGraph(state, refs), asked.names, concernsIn(state));
  if (clashes.length === 0) return null;
  const details = clashes.map(([unit, other]) => `${unit} and ${other} conflict, and are on one machine`);
  return reject('invalid-unit', 'units that stop each other cannot be started together: start one of them', details);
}

/** What happens to a unit on its one machine is no reason to start or stop copies on the others. */
function concernsIn(state: ClusterState): Concerns {
  return (unit, other) => shareMachine(state.units.get(unit), state.units.get(other));
}

/** A unit that has no machine is stopped for all. */
function stopConcernsIn(state: ClusterState): Concerns {
  const isNowhere = (unit: string) => Object.keys(state.units.get(unit)?.machines ?? {}).length === 0;
  return (unit, other) => isNowhere(unit) || concernsIn(state)(unit, other);
}

function shareMachine(unit: UnitRecord | undefined, other: UnitRecord | undefined): boolean {
  if (!unit || !other || (other.placement.global && !unit.placement.global)) return false;
  return Object.keys(unit.machines).some((machine) => Object.hasOwn(other.machines, machine));
}

function eventFor(state: ClusterState, { unit: name, type, reason }: Job): ClusterEvent[] {
  const unit = state.units.get(name);
  if (!unit) return [];
  const isLaunched = unit.desired === 'launched';
  if (type === 'start')
    return isLaunched && !isDown(state, unit) ? [] : [{ type: 'UnitLaunchRequested', unit: name, reason }];
  if (type === 'reload') {
    return whyNotReloaded(state, unit) === null ? [{ type: 'UnitReloadRequested', unit: name, reason }] : [];
  }
  // What a timer has started is only loaded, and runs.
  if (type === 'stop') {
    const runs = isLaunched || isActivated(state, unit);
    return runs ? [{ type: 'UnitLoadRequested', unit: name, reason }] : [];
  }
  if (!isLaunched) return [];
  return isDown(state, unit) ? [] : [{ type: 'UnitRestartRequested', unit: name, reason }];
}

/** It was started and does not run any more, wherever it is. */
function isDown(state: ClusterState, unit: UnitRecord): boolean {
  const machines = Object.keys(unit.machines);
  return machines.length > 0 && machines.every((machine) => isDownOn(state, unit, machine));
}

/** It was started, and does not run any more on one of the machines that have it. */
export function isDownSomewhere(state: ClusterState, unit: UnitRecord): boolean {
  return Object.keys(unit.machines).some((machine) => isDownOn(state, unit, machine));
}

function isDownOn(state: ClusterState, { name, goal }: UnitRecord, machine: string): boolean {
  const report = state.reports.get(machine)?.get(name);
  return report !== undefined && report.goal >= goal && (report.active === 'inactive' || report.active === 'failed');
}
