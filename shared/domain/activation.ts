/** Units that start other units when their time has come: those are loaded along with them, on the same machine. */
import type { ClusterState, UnitRecord } from './clusterState.ts';
import { hardKinds } from './dependencies.ts';
import type { ClusterEvent, NodeEvent } from './events.ts';
import { type Rejection, reject } from './rejection.ts';
import type { UnitCommand, UnitRef } from './unit.ts';
import { UnitGraph } from './unitGraph.ts';

/** What a timer has to know of its past, wherever it is: ms since 1970. */
export interface TimerTimes {
  /** When it last became active; absent: it is not. */
  since?: number | undefined;
  /** When it last started its unit. */
  last?: number | undefined;
}

/** After these a unit has a machine. */
const placing: ReadonlySet<UnitCommand['type']> = new Set(['LoadUnits', 'StartUnits', 'RestartUnits']);

/** What each unit starts that a command gives a machine, and what that starts in turn. */
function targetsOf(
  state: ClusterState,
  { type }: UnitCommand,
  refs: readonly UnitRef[],
): [unit: string, target: string][] {
  if (!placing.has(type)) return [];
  const graph = new UnitGraph(state, refs);
  const starting = new Set(refs.map(({ name }) => name));
  const pairs: [string, string][] = [];
  for (const name of starting) {
    const target = graph.placementOf(name)?.activates;
    if (target === undefined) continue;
    pairs.push([name, target]);
    starting.add(target);
  }
  return pairs;
}

export function refuseWithoutTarget(
  state: ClusterState,
  command: UnitCommand,
  refs: readonly UnitRef[],
): Rejection | null {
  const coming = new Set(refs.map(({ name }) => name));
  const lacking = targetsOf(state, command, refs).filter(
    ([, target]) => !coming.has(target) && !state.units.has(target),
  );
  if (lacking.length === 0) return null;
  return reject(
    'unit-not-found',
    'what is to be started is not known to the cluster: submit it first',
    lacking.map(([unit, target]) => `${unit} starts ${target}, which is not known`),
  );
}

/** A unit is where the one is that it starts: of those in a circle none would be anywhere. */
export function refuseStartingCircle(state: ClusterState, refs: readonly UnitRef[]): Rejection | null {
  const graph = new UnitGraph(state, refs);
  const startedBy = (name: string) => graph.placementOf(name)?.activates;
  for (const { name, submission } of refs) {
    const path = new Set([name]);
    let next = submission?.placement.activates;
    while (next !== undefined && !path.has(next)) {
      path.add(next);
      next = startedBy(next);
    }
    if (next === name)
      return reject('invalid-unit', `units start each other in a circle: ${[...path, name].join(' → ')}`);
  }
  return null;
}

/** What is to be started later has to be there, and so has what it requires. */
export function loadTargets(state: ClusterState, command: UnitCommand, refs: readonly UnitRef[]): ClusterEvent[] {
  const coming = new Set(refs.map(({ name }) => name));
  const targets = new Set(targetsOf(state, command, refs).map(([, target]) => target));
  const graph = new UnitGraph(state, refs);
  for (const target of targets) for (const other of graph.related(target, hardKinds)) targets.add(other);
  return [...targets]
    .filter((target) => !coming.has(target) && state.units.get(target)?.desired === 'inactive')
    .map((unit) => ({ type: 'UnitLoadRequested', unit }));
}

/** Whether what a unit names in `Requisite=` runs has to be known on the unit's machine: so it has to be there, not started. */
export function loadRequisites(
  state: ClusterState,
  command: UnitCommand,
  refs: readonly UnitRef[],
  beside: readonly ClusterEvent[],
): ClusterEvent[] {
  if (!placing.has(command.type)) return [];
  const graph = new UnitGraph(state, refs);
  const asked = refs.map(({ name }) => name);
  const started = beside.flatMap((event) => (event.type === 'UnitLaunchRequested' ? [event.unit] : []));
  const coming = new Set([...asked, ...started]);
  const loaded = new Map<string, string>();
  for (const unit of coming) for (const other of graph.related(unit, ['Requisite'])) loaded.set(other, unit);
  return [...loaded]
    .filter(([name]) => !coming.has(name) && state.units.get(name)?.desired === 'inactive')
    .map(([unit, by]) => ({ type: 'UnitLoadRequested', unit, reason: `${by} is not started without it` }));
}

/** It is only loaded, and runs: another unit has started it. */
export function isActivated(state: ClusterState, { name, desired, machines }: UnitRecord): boolean {
  if (desired !== 'loaded') return false;
  const states = Object.keys(machines).map((machine) => state.reports.get(machine)?.get(name)?.active ?? 'inactive');
  return states.some((active) => active !== 'inactive' && active !== 'failed');
}

/** Keeps what a timer says of itself, so that it goes on from there on another machine. Global ones are not moved. */
export function noteTimer(
  state: ClusterState,
  { unit: name, machine, timer }: Extract<NodeEvent, { type: 'UnitStateReported' }>,
): void {
  const unit = state.units.get(name);
  if (!timer || !unit || unit.placement.global) return;
  const last = Math.max(timer.last ?? 0, unit.timer?.last ?? 0);
  // Where it is no longer, it may have elapsed; but it is not active there.
  const since = Object.hasOwn(unit.machines, machine) ? timer.since : unit.timer?.since;
  const times = { ...(since === undefined ? {} : { since }), ...(last === 0 ? {} : { last }) };
  if (times.since === unit.timer?.since && times.last === unit.timer?.last) return;
  state.units.set(name, { ...unit, timer: times });
}

/** Stopped or started anew, a timer begins anew; when it last elapsed is still true. */
export function rewoundTimer({ timer }: UnitRecord): Pick<UnitRecord, 'timer'> {
  if (timer === undefined) return {};
  return { timer: timer.last === undefined ? {} : { last: timer.last } };
}
