import {
  isActivated,
  loadRequisites,
  loadTargets,
  refuseStartingCircle,
  refuseWithoutTarget,
  rewoundTimer,
} from './activation.ts';
import { awaitUntold, evolveAwaiting, noteLeaving, noteLeft } from './awaiting.ts';
import { addCpus, type ClusterState, type DesiredState, type UnitRecord } from './clusterState.ts';
import { refuseContradictions } from './contradictions.ts';
import { type Dependencies, indexKeys } from './dependencies.ts';
import type { ClusterEvent, ReportedState } from './events.ts';
import { eventsBeside, isDownSomewhere, refuseClashes } from './eventsBeside.ts';
import { followedBy, followersOf } from './following.ts';
import { isFit } from './health.ts';
import { longerLease } from './lease.ts';
import { refuseManual } from './manualWishes.ts';
import { countMove } from './rebalance.ts';
import { type Rejection, reject } from './rejection.ts';
import { refuseReload } from './reloading.ts';
import { refuseCircle } from './replacing.ts';
import { evolveRescheduled } from './rescheduling.ts';
import { reservedOn } from './reserving.ts';
import { evolveTriggered } from './triggering.ts';
import { templateOfName } from './unitName.ts';
import type { Placement, Resources } from './unitSpec.ts';

/** A unit file that was read and found good: what `UnitSubmitted` records. */
export interface UnitSubmission {
  name: string;
  text: string;
  hash: string;
  description: string;
  placement: Placement;
  resources: Resources;
  /** On other units of the cluster, whether it knows them or not; absent: none. */
  dependencies?: Dependencies;
  /** Directives that are unsafe to ignore, and are ignored because its sender asked for that; absent: none. */
  unsupported?: string[];
}

/** A unit that a command names, with its file where the sender has one. */
export interface UnitRef {
  name: string;
  submission?: UnitSubmission;
  /** It is started because another one is, which says so. */
  because?: string;
}

export type UnitCommand =
  | { type: 'SubmitUnits'; units: UnitRef[]; replace?: boolean | undefined }
  | { type: 'LoadUnits'; units: UnitRef[]; replace?: boolean | undefined }
  | { type: 'StartUnits'; units: UnitRef[]; replace?: boolean | undefined }
  | { type: 'StopUnits'; units: UnitRef[] }
  | { type: 'UnloadUnits'; units: UnitRef[] }
  | { type: 'RestartUnits'; units: UnitRef[] }
  | { type: 'ReloadUnits'; units: UnitRef[] }
  | { type: 'DestroyUnits'; units: UnitRef[] };

/**
 * What a command on units leads to; all of its units, or none. The transitions are fleet's: `start` and `load` submit
 * what they bring, `stop` leaves a launched unit loaded, `unload` gives its place up. That `start` starts again what has
 * ended is systemd's.
 */
export function decideUnits(state: ClusterState, command: UnitCommand): ClusterEvent[] | Rejection {
  const refs = uniqueByName(command.units);
  const refusal =
    refuseUnknown(state, refs) ??
    refuseChanged(state, command, refs) ??
    refuseCircle(state, refs) ??
    refuseStartingCircle(state, refs) ??
    refuseContradictions(state, refs) ??
    refuseWithoutTarget(state, command, refs) ??
    refuseReload(state, command) ??
    refuseManual(state, command.type, refs) ??
    refuseClashes(state, command.type, refs);
  if (refusal) return refusal;
  const beside = eventsBeside(state, command.type, refs);
  // Those that come with a unit's stop go first: nothing is left then of a unit that is destroyed.
  return [
    ...loadTargets(state, command, refs),
    ...loadRequisites(state, command, refs, beside),
    ...beside,
    ...refs.flatMap((ref) => eventsFor(state, command.type, ref)),
  ];
}

function uniqueByName(refs: UnitRef[]): UnitRef[] {
  return [...new Map(refs.map((ref) => [ref.name, ref])).values()];
}

function refuseUnknown(state: ClusterState, refs: UnitRef[]): Rejection | null {
  const unknown = refs.filter((ref) => !ref.submission && !state.units.has(ref.name)).map((ref) => ref.name);
  if (unknown.length === 0) return null;
  return reject(
    'unit-not-found',
    unknown.length === 1 ? `unit ${unknown[0]} is not known to the cluster` : 'units are not known to the cluster',
    unknown.length === 1 ? [] : unknown.map((name) => `${name} is not known`),
  );
}

function refuseChanged(state: ClusterState, command: UnitCommand, refs: UnitRef[]): Rejection | null {
  if ('replace' in command && command.replace) return null;
  const changed = refs.filter((ref) => ref.submission && isChange(ref.submission, state.units.get(ref.name)));
  if (changed.length === 0) return null;
  return reject(
    'unit-exists',
    'a unit of that name exists with another body; use --replace to replace it, or destroy it first',
    changed.map(({ name, submission }) => {
      const known = state.units.get(name)?.hash.slice(0, 7);
      return `${name}: the cluster has ${known}, you sent ${submission?.hash.slice(0, 7)}`;
    }),
  );
}

function isChange(submission: UnitSubmission, known: UnitRecord | undefined): boolean {
  return known !== undefined && known.hash !== submission.hash;
}

function eventsFor(state: ClusterState, type: UnitCommand['type'], ref: UnitRef): ClusterEvent[] {
  const unit = ref.name;
  const known = state.units.get(unit);
  const desired = known?.desired ?? 'inactive';
  switch (type) {
    case 'SubmitUnits':
      return submit(ref, known);
    case 'LoadUnits':
      return [...submit(ref, known), ...wish('UnitLoadRequested', unit, desired === 'inactive')];
    case 'StartUnits':
      return start(state, ref, known);
    case 'StopUnits':
      return wish(
        'UnitLoadRequested',
        unit,
        desired === 'launched' || (known !== undefined && isActivated(state, known)),
      );
    case 'UnloadUnits':
      return wish('UnitUnloadRequested', unit, desired !== 'inactive');
    case 'RestartUnits':
      if (ref.because !== undefined) return eventsFor(state, 'StartUnits', ref);
      return desired === 'launched'
        ? [{ type: 'UnitRestartRequested', unit }]
        : [{ type: 'UnitLaunchRequested', unit }];
    case 'ReloadUnits':
      return [{ type: 'UnitReloadRequested', unit }];
    case 'DestroyUnits':
      return [{ type: 'UnitDestroyed', unit }];
    default:
      return type satisfies never;
  }
}

/** What runs is left alone; what has ended starts again, as with systemctl, and a new version starts by itself. */
function start(state: ClusterState, ref: UnitRef, known: UnitRecord | undefined): ClusterEvent[] {
  const submitted = submit(ref, known);
  const isLaunched = known?.desired === 'launched';
  if (isLaunched && (submitted.length > 0 || !isDownSomewhere(state, known))) return submitted;
  const why = ref.because === undefined ? {} : { reason: ref.because };
  return [...submitted, { type: 'UnitLaunchRequested', unit: ref.name, ...why }];
}

type Wish = 'UnitLaunchRequested' | 'UnitLoadRequested' | 'UnitUnloadRequested';

function wish(type: Wish, unit: string, changes: boolean): ClusterEvent[] {
  return changes ? [{ type, unit }] : [];
}

function submit({ submission }: UnitRef, known: UnitRecord | undefined): ClusterEvent[] {
  if (!submission || (known && !isChange(submission, known))) return [];
  const { name: unit, ...rest } = submission;
  const events: ClusterEvent[] = [{ type: 'UnitSubmitted', unit, ...rest }];
  if (known && !samePlacement(known.placement, submission.placement)) {
    for (const machine of Object.keys(known.machines)) {
      events.push({ type: 'UnitEvicted', unit, machine, reason: 'its new version asks for another place' });
    }
  }
  return events;
}

/** Where it may run: what it prefers, its lease, and when it gives up, move nothing that runs. */
function samePlacement(a: Placement, b: Placement): boolean {
  const where = ({ preferences: _, lease: __, rescheduleAfterMs: ___, ...demands }: Placement) =>
    JSON.stringify(demands);
  return where(a) === where(b);
}

type UnitEvent = Extract<ClusterEvent, { unit: string }>;

/** Changes the state by one fact about a unit. `seq` is the sequence of its commit. */
export function evolveUnit(state: ClusterState, event: UnitEvent, seq: number): void {
  if (event.type === 'UnitSubmitted') return applySubmitted(state, event, seq);
  // A lease outlasts the unit: one of the same name must not start before it ends.
  if (event.type === 'UnitLeaseEnded') return applyLeaseEnded(state, event);
  if (event.type === 'UnitAwaitEnded') return evolveAwaiting(state, event);
  const unit = state.units.get(event.unit);
  if (!unit) return;
  switch (event.type) {
    case 'UnitDestroyed':
      awaitUntold(state, unit, seq);
      return applyDestroyed(state, unit);
    case 'UnitLaunchRequested':
      applyWish(state, unit, 'launched', seq, event.reason ?? 'it was started');
      return noteMonitored(state, event);
    case 'UnitLoadRequested':
      return applyWish(state, unit, 'loaded', seq, 'it was loaded');
    case 'UnitUnloadRequested':
      awaitUntold(state, unit, seq);
      return applyWish(state, unit, 'inactive', seq, '');
    case 'UnitRestartRequested':
      state.failing.delete(unit.name);
      return state.units.set(unit.name, { ...unmonitored(unit), ...rewoundTimer(unit), restart: seq, goal: seq });
    case 'UnitReloadRequested':
      return state.units.set(unit.name, { ...unit, reload: seq, goal: seq });
    case 'UnitTriggered':
      return evolveTriggered(state, event);
    case 'UnitPlaced':
      applyPlaced(state, unit, event, seq);
      return evolveAwaiting(state, event);
    case 'UnitEvicted':
      if (Object.hasOwn(unit.machines, event.machine)) awaitUntold(state, unit, seq);
      return applyEvicted(state, unit, event);
    case 'UnitMayReturn':
    case 'UnitFailsNoMore':
      return evolveRescheduled(state, event);
    case 'UnitLeftWaiting':
      return applyLeftWaiting(state, unit, event.rejected);
    default:
      return event satisfies never;
  }
}

function applySubmitted(state: ClusterState, event: Extract<UnitEvent, { type: 'UnitSubmitted' }>, seq: number): void {
  const { unit: name, text, hash, description, placement, resources, dependencies, unsupported } = event;
  const known = state.units.get(name);
  const machines = known?.machines ?? {};
  // The new version may be better.
  state.failing.delete(name);
  state.rescheduled.delete(name);
  if (known) {
    unindex(state, known);
    for (const other of indexKeys(known.dependencies)) state.dependents.remove(other, name);
  }
  const desired = known?.desired ?? 'inactive';
  const reload = known?.reload === undefined ? {} : { reload: known.reload };
  const optional = { ...reload, ...(dependencies ? { dependencies } : {}), ...(unsupported ? { unsupported } : {}) };
  const file = { name, text, hash, description, placement, resources, ...optional };
  const isPlaced = Object.keys(machines).length > 0;
  const lease = isPlaced ? longerLease(known?.lease, placement.lease) : placement.lease;
  const past = known?.timer ? { timer: known.timer } : {};
  const restart = known?.restart ?? 0;
  const unit = { ...file, desired, machines, goal: seq, restart, ...(lease ? { lease } : {}), ...past };
  state.units.set(name, unit);
  indexUnit(state, unit);
  indexNames(state, unit);
  if (desired !== 'inactive' && Object.keys(machines).length === 0) want(state, name, 'a new version was submitted');
  // A new version may require others, or be required by them.
  for (const one of [name, ...followersOf(state, name)]) {
    const bound = state.units.get(one);
    if (bound && !isBesideAll(state, bound)) want(state, one, 'a unit that it requires is elsewhere');
  }
}

function applyDestroyed(state: ClusterState, unit: UnitRecord): void {
  state.units.set(unit.name, { ...unit, desired: 'inactive' });
  for (const machine of Object.keys(unit.machines)) release(state, unit, machine);
  unindex(state, { ...unit, machines: {} });
  state.units.delete(unit.name);
  state.triggers.delete(unit.name);
  for (const other of indexKeys(unit.dependencies)) state.dependents.remove(other, unit.name);
  const template = templateOfName(unit.name);
  if (template !== null) state.instances.remove(template, unit.name);
  state.moving.delete(unit.name);
  state.pending.delete(unit.name);
  state.waiting.delete(unit.name);
  state.failing.delete(unit.name);
  state.rescheduled.delete(unit.name);
}

function applyWish(state: ClusterState, unit: UnitRecord, desired: DesiredState, seq: number, why: string): void {
  state.failing.delete(unit.name);
  const past = desired === 'launched' ? {} : rewoundTimer(unit);
  state.units.set(unit.name, { ...unmonitored(unit), ...past, desired, goal: seq });
  if (desired === 'inactive') {
    state.moving.delete(unit.name);
    for (const machine of Object.keys(unit.machines)) release(state, unit, machine);
    state.pending.delete(unit.name);
    state.waiting.delete(unit.name);
  } else if (unit.desired === 'inactive') {
    want(state, unit.name, why);
  }
}

function noteMonitored(
  state: ClusterState,
  { unit: name, monitored }: Extract<UnitEvent, { type: 'UnitLaunchRequested' }>,
): void {
  const unit = state.units.get(name);
  if (unit && monitored) state.units.set(name, { ...unit, monitored });
}

/** It is started anew, for another reason. */
function unmonitored({ monitored: _, ...unit }: UnitRecord): UnitRecord {
  return unit;
}

function applyLeftWaiting(state: ClusterState, unit: UnitRecord, rejected: Record<string, number>): void {
  const why = state.pending.get(unit.name) ?? state.waiting.get(unit.name)?.why ?? '';
  state.pending.delete(unit.name);
  state.waiting.set(unit.name, { why, rejected });
}

function applyPlaced(
  state: ClusterState,
  unit: UnitRecord,
  { machine, reason }: Extract<UnitEvent, { type: 'UnitPlaced' }>,
  seq: number,
): void {
  unindex(state, unit);
  const isBack = state.awaiting.get(unit.name)?.machine === machine;
  const machines = { ...unit.machines, [machine]: { token: seq, reason, ...(isBack ? { isBack } : {}) } };
  // A global unit's other copies are not touched by one more: their goal stays what it was.
  const goal = unit.placement.global ? unit.goal : seq;
  const { lease: _, ...rest } = unit;
  const { lease } = unit.placement;
  const placed = { ...rest, machines, goal, ...(lease ? { lease } : {}) };
  if (state.leases.get(unit.name)?.machine === machine) state.leases.delete(unit.name);
  state.units.set(unit.name, placed);
  noteLeft(state, unit.name, machine);
  indexUnit(state, placed);
  if (!unit.placement.global) {
    state.pending.delete(unit.name);
    state.waiting.delete(unit.name);
    if (state.moving.get(unit.name)?.wasWell === false) state.moving.delete(unit.name);
  }
  disturbFollowers(state, unit.name);
}

function applyEvicted(state: ClusterState, unit: UnitRecord, event: Extract<UnitEvent, { type: 'UnitEvicted' }>): void {
  const { machine, reason, move } = event;
  const wasWell = isWell(unit, state.reports.get(machine)?.get(unit.name));
  release(state, unit, machine);
  want(state, unit.name, reason);
  if (move) {
    const { avoidUntil: _, ...aim } = move;
    state.moving.set(unit.name, { from: machine, ...aim, wasWell });
  }
  if (move?.by === 'rebalance') countMove(state, unit.name);
  evolveRescheduled(state, event);
}

/**
 * Whether the report says that the unit is as it is wished to be: what is to run does, and is healthy where that is
 * checked, or has done its work.
 */
export function isWell(unit: UnitRecord, report: ReportedState | undefined): boolean {
  if (report === undefined || report.goal < unit.goal || report.load === 'error') return false;
  const isAtRest = unit.desired === 'loaded' && report.active === 'inactive';
  const isUp = report.active === 'active' || report.active === 'reloading';
  return isAtRest || hasDoneItsWork(unit, report) || (unit.desired === 'launched' && isUp && isFit(report));
}

/** Whether it was to run, has, and has ended well: nothing of it runs any more. */
export function hasDoneItsWork({ desired, goal }: UnitRecord, report: ReportedState | undefined): boolean {
  const isOver = report?.load === 'loaded' && report.active === 'inactive' && report.result === 'success';
  return desired === 'launched' && isOver && report.goal >= goal;
}

/** A unit that is well where it was moved to is not on the move any more. */
export function settleMove(state: ClusterState, { unit: name, machine }: { unit: string; machine: string }): void {
  const unit = state.moving.has(name) ? state.units.get(name) : undefined;
  if (!unit || !Object.hasOwn(unit.machines, machine)) return;
  if (isWell(unit, state.reports.get(machine)?.get(name))) state.moving.delete(name);
}

/** Takes the unit's place on a machine away. */
export function release(state: ClusterState, unit: UnitRecord, machine: string): void {
  const current = state.units.get(unit.name) ?? unit;
  if (!Object.hasOwn(current.machines, machine)) return;
  unindex(state, current);
  const { [machine]: _, ...machines } = current.machines;
  const { lease } = current;
  if (lease && !current.placement.global) state.leases.set(unit.name, { machine, ...lease });
  state.moving.delete(unit.name);
  state.failing.delete(unit.name);
  const released = { ...current, machines };
  state.units.set(unit.name, released);
  noteLeaving(state, unit.name, machine);
  indexUnit(state, released);
  disturbFollowers(state, unit.name);
}

function applyLeaseEnded(state: ClusterState, { unit, machine }: { unit: string; machine: string }): void {
  if (state.leases.get(unit)?.machine === machine) state.leases.delete(unit);
}

/** Nothing runs on that machine any more that ran there until now. */
export function endLeases(state: ClusterState, machine: string): void {
  for (const [unit, lease] of [...state.leases.entries()]) if (lease.machine === machine) state.leases.delete(unit);
}

/** The unit is to be looked at by the scheduler, unless it shall not run; `why` becomes the reason of its placement. */
export function want(state: ClusterState, unit: string, why: string): void {
  if ((state.units.get(unit)?.desired ?? 'inactive') === 'inactive') return;
  state.waiting.delete(unit);
  state.pending.set(unit, why);
}

/**
 * Units that follow this one, because of `MachineOf=` or because they require it, have to move when they are not where it
 * is; they stay when it came back.
 */
function disturbFollowers(state: ClusterState, target: string): void {
  const { machines: places = {}, desired = 'inactive' } = state.units.get(target) ?? {};
  // What is unloaded takes nobody's place away who only requires it.
  const requiring = desired === 'inactive' ? [] : followersOf(state, target);
  for (const name of [...new Set([...state.followers.get(target), ...requiring])].sort()) {
    const follower = state.units.get(name);
    if (!follower || follower.desired === 'inactive') continue;
    const machines = Object.keys(follower.machines);
    if (machines.length === 0 && state.pending.has(name)) continue;
    const isBeside = machines.length > 0 && machines.every((machine) => Object.hasOwn(places, machine));
    // A global one may have a machine more to go to.
    if (isBeside && !follower.placement.global && isBesideAll(state, follower)) state.pending.delete(name);
    else want(state, name, `it follows ${target}`);
  }
}

function isBesideAll(state: ClusterState, { name, machines }: UnitRecord): boolean {
  return [...followedBy(state, name)].every((other) => {
    const { machines: places = {}, desired = 'inactive' } = state.units.get(other) ?? {};
    return desired === 'inactive' || Object.keys(machines).every((machine) => Object.hasOwn(places, machine));
  });
}

/** Enters a unit into the tables that are derived from the units. */
export function indexUnit(state: ClusterState, unit: UnitRecord): void {
  if (unit.placement.machineOf) state.followers.add(unit.placement.machineOf, unit.name);
  for (const machine of Object.keys(unit.machines)) {
    state.assigned.add(machine, unit.name);
    if (isUnsociable(unit.placement)) state.conflicting.add(machine, unit.name);
    if (unit.lease) state.leasing.add(machine, unit.name);
    reserve(state, machine, unit, 1);
  }
}

/** Enters a unit among the instances of its template, if it is one, and among those that depend on others. */
export function indexNames(state: ClusterState, { name, dependencies }: UnitRecord): void {
  const template = templateOfName(name);
  if (template !== null) state.instances.add(template, name);
  for (const other of indexKeys(dependencies)) state.dependents.add(other, name);
}

/** It keeps others away from where it is. */
function isUnsociable({ conflicts, replaces }: Placement): boolean {
  return conflicts.length > 0 || replaces !== undefined;
}

function unindex(state: ClusterState, unit: UnitRecord): void {
  if (unit.placement.machineOf) state.followers.remove(unit.placement.machineOf, unit.name);
  for (const machine of Object.keys(unit.machines)) {
    state.assigned.remove(machine, unit.name);
    state.conflicting.remove(machine, unit.name);
    if (unit.lease) state.leasing.remove(machine, unit.name);
    reserve(state, machine, unit, -1);
  }
}

/** Adds what a unit reserves to a machine's load, or takes it away; as its capacity is now. */
export function reserve(state: ClusterState, machine: string, { resources, text }: UnitRecord, sign: 1 | -1): void {
  const { memoryBytes, cpus } = reservedOn(resources, state.machines.get(machine)?.capacity);
  const load = state.loads.get(machine);
  state.loads.set(machine, {
    memoryBytes: (load?.memoryBytes ?? 0) + sign * memoryBytes,
    cpus: addCpus(load?.cpus ?? 0, sign * cpus),
    units: (load?.units ?? 0) + sign,
    textLength: (load?.textLength ?? 0) + sign * text.length,
  });
}
