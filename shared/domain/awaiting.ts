/**
 * A unit that is placed anew while the machine that had it is there: its copy on that machine ends before the next one
 * begins. A machine that is lost is not waited for.
 */
import type { ClusterState, UnitRecord } from './clusterState.ts';
import type { ClusterEvent } from './events.ts';

/** A machine that may still run a copy of the unit, and has to have ended it before the unit is started anywhere else. */
export interface Awaiting {
  readonly machine: string;
}

type AwaitEvent = Extract<ClusterEvent, { type: 'UnitPlaced' | 'UnitAwaitEnded' }>;

/** The wait outlasts the place, and the unit: whatever comes next under its name waits for that copy, too. */
export function evolveAwaiting(state: ClusterState, event: AwaitEvent): void {
  const { unit, machine } = event;
  switch (event.type) {
    case 'UnitPlaced':
      if (event.awaits !== undefined) state.awaiting.set(unit, { machine: event.awaits });
      else state.awaiting.delete(unit);
      return;
    case 'UnitAwaitEnded':
      if (state.awaiting.get(unit)?.machine === machine) state.awaiting.delete(unit);
      return;
    default:
      return event satisfies never;
  }
}

/**
 * The unit's place is taken away, in the commit `seq`. A machine that has told nothing of it yet may be about to start
 * it, and is awaited; but not by what waits for another machine already. A place of this very commit nobody was sent: there
 * only an older copy counts, to which the unit had come back.
 */
export function awaitUntold(state: ClusterState, unit: UnitRecord, seq: number): void {
  const { name, placement, lease } = unit;
  if (placement.global || placement.activates !== undefined || lease !== undefined) return;
  const [place, ...others] = Object.entries(unit.machines);
  if (place === undefined || others.length > 0) return;
  const [machine, { token, isBack = false }] = place;
  const mayRun = token < seq ? !state.awaiting.has(name) : isBack;
  const isTold = state.reports.get(machine)?.has(name) === true;
  if (mayRun && !isTold) state.awaiting.set(name, { machine });
}

/** Enters a machine that tells of the unit among those that the unit leaves, unless it is placed there. */
export function noteLeaving(state: ClusterState, unit: string, machine: string): void {
  const isPlaced = Object.hasOwn(state.units.get(unit)?.machines ?? {}, machine);
  if (!isPlaced && state.reports.get(machine)?.has(unit)) state.leaving.add(unit, machine);
}

/** The unit is placed there again, or gone from there. */
export function noteLeft(state: ClusterState, unit: string, machine: string): void {
  if (state.leaving.get(unit).has(machine)) state.leaving.remove(unit, machine);
}

/** What the machine has told is void. */
export function forgetLeaving(state: ClusterState, machine: string): void {
  for (const unit of state.reports.get(machine)?.keys() ?? []) noteLeft(state, unit, machine);
}
