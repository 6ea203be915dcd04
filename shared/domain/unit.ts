import { addCpus, type ClusterState, type DesiredState, type UnitRecord } from './clusterState.ts';
import type { ClusterEvent } from './events.ts';
import { type Rejection, reject } from './rejection.ts';
import type { Placement, Resources } from './unitSpec.ts';

/** A unit file that was read and found good: what `UnitSubmitted` records. */
export interface UnitSubmission {
  name: string;
  text: string;
  hash: string;
  description: string;
  placement: Placement;
  resources: Resources;
}

/** A unit that a command names, with its file where the sender has one. */
export interface UnitRef {
  name: string;
  submission?: UnitSubmission;
}

export type UnitCommand =
  | { type: 'SubmitUnits'; units: UnitRef[]; replace?: boolean | undefined }
  | { type: 'LoadUnits'; units: UnitRef[]; replace?: boolean | undefined }
  | { type: 'StartUnits'; units: UnitRef[]; replace?: boolean | undefined }
  | { type: 'StopUnits'; units: UnitRef[] }
  | { type: 'UnloadUnits'; units: UnitRef[] }
  | { type: 'RestartUnits'; units: UnitRef[] }
  | { type: 'DestroyUnits'; units: UnitRef[] };

/**
 * What a command on units leads to; all of its units, or none. The transitions are fleet's: `start` and `load` submit
 * what they bring, `stop` leaves a launched unit loaded, `unload` gives its place up.
 */
export function decideUnits(state: ClusterState, command: UnitCommand): ClusterEvent[] | Rejection {
  const refs = uniqueByName(command.units);
  const refusal = refuseUnknown(state, refs) ?? refuseChanged(state, command, refs);
  return refusal ?? refs.flatMap((ref) => eventsFor(command.type, ref, state.units.get(ref.name)));
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

function eventsFor(type: UnitCommand['type'], ref: UnitRef, known: UnitRecord | undefined): ClusterEvent[] {
  const unit = ref.name;
  const desired = known?.desired ?? 'inactive';
  switch (type) {
    case 'SubmitUnits':
      return submit(ref, known);
    case 'LoadUnits':
      return [...submit(ref, known), ...wish('UnitLoadRequested', unit, desired === 'inactive')];
    case 'StartUnits':
      return [...submit(ref, known), ...wish('UnitLaunchRequested', unit, desired !== 'launched')];
    case 'StopUnits':
      return wish('UnitLoadRequested', unit, desired === 'launched');
    case 'UnloadUnits':
      return wish('UnitUnloadRequested', unit, desired !== 'inactive');
    case 'RestartUnits':
      return desired === 'launched'
        ? [{ type: 'UnitRestartRequested', unit }]
        : [{ type: 'UnitLaunchRequested', unit }];
    case 'DestroyUnits':
      return [{ type: 'UnitDestroyed', unit }];
    default:
      return type satisfies never;
  }
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

function samePlacement(a: Placement, b: Placement): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

type UnitEvent = Extract<ClusterEvent, { unit: string }>;

/** Changes the state by one fact about a unit. `seq` is the sequence of its commit. */
export function evolveUnit(state: ClusterState, event: UnitEvent, seq: number): void {
  if (event.type === 'UnitSubmitted') return applySubmitted(state, event, seq);
  const unit = state.units.get(event.unit);
  if (!unit) return;
  switch (event.type) {
    case 'UnitDestroyed':
      return applyDestroyed(state, unit);
    case 'UnitLaunchRequested':
      return applyWish(state, unit, 'launched', seq);
    case 'UnitLoadRequested':
      return applyWish(state, unit, 'loaded', seq);
    case 'UnitUnloadRequested':
      return applyWish(state, unit, 'inactive', seq);
    case 'UnitRestartRequested':
      return state.units.set(unit.name, { ...unit, restart: seq, goal: seq });
    case 'UnitPlaced':
      return applyPlaced(state, unit, event, seq);
    case 'UnitEvicted':
      release(state, unit, event.machine);
      return want(state, unit.name, event.reason);
    case 'UnitLeftWaiting':
      return applyLeftWaiting(state, unit, event.rejected);
    default:
      return event satisfies never;
  }
}

function applySubmitted(state: ClusterState, event: Extract<UnitEvent, { type: 'UnitSubmitted' }>, seq: number): void {
  const { unit: name, text, hash, description, placement, resources } = event;
  const known = state.units.get(name);
  const machines = known?.machines ?? {};
  if (known) unindex(state, known);
  const desired = known?.desired ?? 'inactive';
  const file = { name, text, hash, description, placement, resources };
  const unit = { ...file, desired, machines, goal: seq, restart: known?.restart ?? 0 };
  state.units.set(name, unit);
  indexUnit(state, unit);
  if (desired !== 'inactive' && Object.keys(machines).length === 0) want(state, name, 'a new version was submitted');
}

function applyDestroyed(state: ClusterState, unit: UnitRecord): void {
  for (const machine of Object.keys(unit.machines)) release(state, unit, machine);
  unindex(state, { ...unit, machines: {} });
  state.units.delete(unit.name);
  state.pending.delete(unit.name);
  state.waiting.delete(unit.name);
}

function applyWish(state: ClusterState, unit: UnitRecord, desired: DesiredState, seq: number): void {
  state.units.set(unit.name, { ...unit, desired, goal: seq });
  if (desired === 'inactive') {
    for (const machine of Object.keys(unit.machines)) release(state, unit, machine);
    state.pending.delete(unit.name);
    state.waiting.delete(unit.name);
  } else if (unit.desired === 'inactive') {
    want(state, unit.name, desired === 'launched' ? 'it was started' : 'it was loaded');
  }
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
  const machines = { ...unit.machines, [machine]: { token: seq, reason } };
  // A global unit's other copies are not touched by one more: their goal stays what it was.
  const goal = unit.placement.global ? unit.goal : seq;
  const placed = { ...unit, machines, goal };
  state.units.set(unit.name, placed);
  indexUnit(state, placed);
  if (!unit.placement.global) {
    state.pending.delete(unit.name);
    state.waiting.delete(unit.name);
  }
  disturbFollowers(state, unit.name);
}

/** Takes the unit's place on a machine away. */
export function release(state: ClusterState, unit: UnitRecord, machine: string): void {
  const current = state.units.get(unit.name) ?? unit;
  if (!Object.hasOwn(current.machines, machine)) return;
  unindex(state, current);
  const { [machine]: _, ...machines } = current.machines;
  const released = { ...current, machines };
  state.units.set(unit.name, released);
  indexUnit(state, released);
  disturbFollowers(state, unit.name);
}

/** The unit is to be looked at by the scheduler, unless it shall not run; `why` becomes the reason of its placement. */
export function want(state: ClusterState, unit: string, why: string): void {
  if ((state.units.get(unit)?.desired ?? 'inactive') === 'inactive') return;
  state.waiting.delete(unit);
  state.pending.set(unit, why);
}

/** Units bound to this one by `MachineOf=` have to move when they are not where it is; they stay when it came back. */
function disturbFollowers(state: ClusterState, target: string): void {
  const places = state.units.get(target)?.machines ?? {};
  for (const name of [...state.followers.get(target)].sort()) {
    const follower = state.units.get(name);
    if (!follower || follower.desired === 'inactive') continue;
    const machines = Object.keys(follower.machines);
    if (machines.length === 0 && state.pending.has(name)) continue;
    const isBeside = machines.length > 0 && machines.every((machine) => Object.hasOwn(places, machine));
    if (isBeside) state.pending.delete(name);
    else want(state, name, `it follows ${target}`);
  }
}

/** Enters a unit into the tables that are derived from the units. */
export function indexUnit(state: ClusterState, unit: UnitRecord): void {
  if (unit.placement.machineOf) state.followers.add(unit.placement.machineOf, unit.name);
  for (const machine of Object.keys(unit.machines)) {
    state.assigned.add(machine, unit.name);
    if (unit.placement.conflicts.length > 0) state.conflicting.add(machine, unit.name);
    reserve(state, machine, unit, 1);
  }
}

function unindex(state: ClusterState, unit: UnitRecord): void {
  if (unit.placement.machineOf) state.followers.remove(unit.placement.machineOf, unit.name);
  for (const machine of Object.keys(unit.machines)) {
    state.assigned.remove(machine, unit.name);
    state.conflicting.remove(machine, unit.name);
    reserve(state, machine, unit, -1);
  }
}

function reserve(state: ClusterState, machine: string, { resources, text }: UnitRecord, sign: 1 | -1): void {
  const { memoryBytes = 0, cpus = 0 } = resources;
  const load = state.loads.get(machine);
  state.loads.set(machine, {
    memoryBytes: (load?.memoryBytes ?? 0) + sign * memoryBytes,
    cpus: addCpus(load?.cpus ?? 0, sign * cpus),
    units: (load?.units ?? 0) + sign,
    textLength: (load?.textLength ?? 0) + sign * text.length,
  });
}
