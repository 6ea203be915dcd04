import type { Moment } from '../../../shared/domain/cluster.ts';
import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { followedBy } from '../../../shared/domain/following.ts';
import { awaitedBy, endAwaitsOfLost } from './awaiting.ts';
import { drainMachines } from './draining.ts';
import { fits, rejects, stillFits } from './filters.ts';
import { pickBesideOpponents, stopOpponents } from './opposing.ts';
import { preempt, priorityOf } from './preempting.ts';
import { type Ranked, scoreOf } from './ranking.ts';
import { rebalance, type SlicedSearch } from './rebalancing.ts';
import { evictReplaced, placeOfReplaced } from './replacing.ts';
import { depthOf, placesOfFollowers, welcomesFollowers } from './requiring.ts';
import { reschedule } from './rescheduling.ts';
import { rollOut } from './rolling.ts';
import { countReason, type Destination, type Task, Work, type WorkOptions } from './work.ts';

export interface ReconcileOptions extends WorkOptions {
  /** Also look again at units that found no machine before: something has changed that may have made room. */
  includeWaiting: boolean;
  moment: Moment;
  /** What a rebalance looks for from round to round; default: all at once. */
  search?: SlicedSearch;
}

/**
 * Places what wishes to be placed. It looks at what is, not at what has changed: units in `pending` (and `waiting`)
 * are those whose place the state itself knows to be open. `state` is a draft; the tasks are applied to it.
 */
export function reconcile(state: ClusterState, options: ReconcileOptions): Task[] {
  const work = new Work(state, options.moment, options);
  endAwaitsOfLost(work);
  placeAll(work, [...state.pending.keys(), ...(options.includeWaiting ? state.waiting.keys() : [])]);
  reschedule(work);
  drainMachines(work);
  rollOut(work);
  rebalance(work, options.search);
  placeAll(work, [...state.pending.keys()]);
  return work.tasks;
}

/** Placing a unit can open another one's place (MachineOf=), hence the rounds; who was looked at is not pending any more. */
function placeAll(work: Work, open: string[]): void {
  const { state } = work;
  for (let round = open; round.length > 0; round = [...state.pending.keys()]) {
    for (const name of inOrder(state, round)) {
      if (work.isFull) return;
      const unit = state.units.get(name);
      // What was placed before it in this round may have settled its place too.
      if (!unit || !(state.pending.has(name) || state.waiting.has(name))) continue;
      if (unit.placement.global) placeEverywhere(work, unit);
      else placeOnce(work, unit);
    }
  }
}

/** The most important first; a follower can only be placed after the units that it follows. */
function inOrder(state: ClusterState, names: string[]): string[] {
  // Sorting is stable; mostly there is nothing to sort.
  if (names.every((name) => priorityIn(state, name) === 0 && depthOf(state, name) === 0)) return names;
  const ranked = names.map((name) => ({ name, priority: priorityIn(state, name), depth: depthOf(state, name) }));
  return ranked.sort((a, b) => b.priority - a.priority || a.depth - b.depth).map(({ name }) => name);
}

function priorityIn(state: ClusterState, name: string): number {
  const unit = state.units.get(name);
  if (!unit) return 0;
  const leaders = [unit.placement.machineOf ?? [], ...followedBy(state, name)].flat();
  // A follower is no more urgent than what it follows.
  return Math.min(priorityOf(unit), ...leaders.flatMap((leader) => state.units.get(leader) ?? []).map(priorityOf));
}

function placeOnce(work: Work, unit: UnitRecord): void {
  const { state } = work;
  const startedNow = work.isStartedNow(unit);
  for (const id of Object.keys(unit.machines)) {
    const machine = state.machines.get(id);
    const reason = (machine && stillFits(state, unit, machine)) ?? state.pending.get(unit.name) ?? 'machine unknown';
    work.apply({ type: 'UnitEvicted', unit: unit.name, machine: id, reason });
  }
  const destination = moveOf(state, unit) ?? replacing(state, unit) ?? besideFollowers(state, unit);
  const { winner: free, rejected } = pickPlace(work, unit, destination);
  const winner =
    (free && withFollowers(work, unit, destination)) ??
    free ??
    (preempt(work, unit) ? work.pick(unit, destination).winner : undefined) ??
    (startedNow ? pickBesideOpponents(work, unit, destination) : undefined);
  if (!winner) return leaveWaiting(work, unit, rejected);
  const { machine, score } = winner;
  const reason = state.pending.get(unit.name) ?? state.waiting.get(unit.name)?.why ?? '';
  const awaited = awaitedBy(state, unit, machine.machine, work.left);
  const awaits = awaited === undefined ? {} : { awaits: awaited };
  work.apply({ type: 'UnitPlaced', unit: unit.name, machine: machine.machine, reason, score, rejected, ...awaits });
  evictReplaced(work, unit, machine.machine);
  stopOpponents(work, unit, machine.machine);
}

/**
 * A unit that is moved goes back where it was when nobody else takes it any more: a machine that would have may be
 * cordoned by now. While its lease goes on, that is not known yet.
 */
function pickPlace(work: Work, unit: UnitRecord, destination: Destination | undefined): ReturnType<Work['pick']> {
  const picked = work.pick(unit, destination);
  const mayGoBack = destination?.from !== undefined && !work.state.leases.has(unit.name);
  return picked.winner === undefined && mayGoBack ? work.pick(unit) : picked;
}

/** The best of the machines where those that require the unit can follow it, if there is one. */
function withFollowers(work: Work, unit: UnitRecord, destination: Destination | undefined): Ranked | undefined {
  const welcomes = welcomesFollowers(work.state, unit, (one, machine) => fits(work.state, one, machine));
  if (welcomes === null) return undefined;
  const { winner } = work.pick(
    unit,
    destination,
    (state, one, machine) => rejects(state, one, machine) ?? (welcomes(machine) ? null : 'no room for its followers'),
  );
  return winner;
}

/** Where a unit that is moved should not, and should, go. */
function moveOf(state: ClusterState, unit: UnitRecord): Destination | undefined {
  const { from, to } = state.moving.get(unit.name) ?? {};
  if (from === undefined) return undefined;
  // What was asked for may have become impossible since.
  const asked = to === undefined ? undefined : state.machines.get(to);
  return asked && rejects(state, unit, asked) === null ? { from, to } : { from };
}

function replacing(state: ClusterState, unit: UnitRecord): Destination | undefined {
  const to = placeOfReplaced(state, unit);
  return to === undefined ? undefined : { to, why: 'it replaces a unit on another machine' };
}

function besideFollowers(state: ClusterState, unit: UnitRecord): Destination | undefined {
  const to = placesOfFollowers(state, unit).find((id) => {
    const machine = state.machines.get(id);
    return machine !== undefined && rejects(state, unit, machine) === null;
  });
  return to === undefined ? undefined : { to, why: 'units that require it are on another machine' };
}

/** Recorded when it is news: the first time, and when the reasons are other ones. */
function leaveWaiting(work: Work, unit: UnitRecord, rejected: Record<string, number>): void {
  const before = work.state.waiting.get(unit.name);
  if (before && sameCounts(before.rejected, rejected)) return;
  const places = Object.keys(work.state.units.get(unit.name)?.machines ?? {}).length;
  work.apply({ type: 'UnitLeftWaiting', unit: unit.name, rejected, places });
}

function placeEverywhere(work: Work, unit: UnitRecord): void {
  const { state } = work;
  const rejected: Record<string, number> = {};
  for (const machine of state.machines.values()) {
    if (machine.state !== 'ready') continue;
    const isPlaced = Object.hasOwn(unit.machines, machine.machine);
    const reason = (isPlaced ? stillFits : rejects)(state, unit, machine);
    if (reason !== null) countReason(rejected, reason);
    if (isPlaced && reason !== null) {
      work.apply({ type: 'UnitEvicted', unit: unit.name, machine: machine.machine, reason });
    } else if (!isPlaced && reason === null) {
      const score = scoreOf(machine, state.loads.get(machine.machine));
      const why = 'a global unit runs on every machine that may take it';
      work.apply({ type: 'UnitPlaced', unit: unit.name, machine: machine.machine, reason: why, score, rejected: {} });
    }
  }
  leaveWaiting(work, unit, rejected);
}

function sameCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
