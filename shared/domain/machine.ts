import { noteTimer } from './activation.ts';
import { forgetLeaving, noteLeaving, noteLeft } from './awaiting.ts';
import type { ClusterState, MachineRecord, MachineState } from './clusterState.ts';
import type { ClusterEvent, MachineFacts, NodeEvent, ReportedState } from './events.ts';
import { unmetMetadata, withOverrides } from './machineMetadata.ts';
import { type Rejection, reject } from './rejection.ts';
import { noteFailing } from './rescheduling.ts';
import { noteActivation, noteTrigger } from './triggering.ts';
import { endLeases, release, reserve, settleMove, want } from './unit.ts';

export type MachineCommand =
  /** `cluster`: the one that the node was part of before, where there was one. */
  | ({ type: 'JoinMachine'; cluster?: string | undefined } & MachineFacts)
  | { type: 'LeaveMachine'; machine: string; session: string; reason: string };

type JoinMachine = Extract<MachineCommand, { type: 'JoinMachine' }>;

/** What a node's wish to join or leave leads to. */
export function decideMachine(state: ClusterState, command: MachineCommand): ClusterEvent[] | Rejection {
  const known = state.machines.get(command.machine);
  switch (command.type) {
    case 'JoinMachine':
      return refuseForeign(state, command) ?? decideJoin(state, known, command);
    case 'LeaveMachine': {
      if (known?.state !== 'ready' || known.session !== command.session) return [];
      return [{ type: 'MachineLeft', machine: command.machine, reason: command.reason }];
    }
    default:
      return command satisfies never;
  }
}

/** A node whose units belong to another history would be told to stop them all: it has to be somebody's wish. */
function refuseForeign(state: ClusterState, { cluster, machine }: JoinMachine): Rejection | null {
  if (cluster === undefined || cluster === state.cluster) return null;
  return reject(
    'another-cluster',
    `machine ${machine} belongs to cluster ${cluster}, and the log here is of cluster ${state.cluster}: was the log ` +
      "deleted, or is this another server? To give up the machine's units and join this cluster, delete node.json in the " +
      "node's directory and start it again",
  );
}

/**
 * A machine that is alive keeps its id: only the same node's next start (same node key, same boot) may take it over.
 * Another machine with a copied id is refused until this one is lost.
 */
function decideJoin(
  state: ClusterState,
  known: MachineRecord | undefined,
  { type: _, cluster: __, ...facts }: JoinMachine,
): ClusterEvent[] | Rejection {
  if (known?.state === 'ready') {
    if (known.nodeKey !== facts.nodeKey || known.bootId !== facts.bootId) {
      return reject(
        'machine-id-in-use',
        `machine id ${facts.machine} is in use by ${known.hostname} (${known.ip}), which is alive; ` +
          'give this one an id of its own: flotilla node --machine-id ID (32 hex digits)',
      );
    }
    const metadata = withOverrides(facts.metadata, state.metadata.get(facts.machine));
    if (known.session === facts.session && sameFacts(known, { ...facts, metadata })) return [];
  }
  return [{ type: 'MachineJoined', ...facts }, ...evictUnfit(state, facts)];
}

/** What the machine was good for when it started last, it may not be any more. */
function evictUnfit(state: ClusterState, { machine, runtimes, ...facts }: MachineFacts): ClusterEvent[] {
  const metadata = withOverrides(facts.metadata, state.metadata.get(machine));
  return [...state.assigned.get(machine)].sort().flatMap((unit): ClusterEvent[] => {
    const placement = state.units.get(unit)?.placement;
    const missing = placement?.runtimes.find((runtime) => !runtimes.includes(runtime));
    const unfit = unmetMetadata(placement, metadata) ?? (missing === undefined ? null : `no ${missing} runtime`);
    if (unfit === null) return [];
    return [{ type: 'UnitEvicted', unit, machine, reason: `machine ${machine} came back as another: ${unfit}` }];
  });
}

function sameFacts(known: MachineRecord, facts: MachineFacts): boolean {
  return (Object.keys(facts) as (keyof MachineFacts)[]).every(
    (key) => JSON.stringify(known[key]) === JSON.stringify(facts[key]),
  );
}

type MachineEvent = Extract<ClusterEvent, { type: 'MachineJoined' | 'MachineLost' | 'MachineLeft' }>;

/** In a commit an event may carry its cause, which is no part of what it says of a machine or a unit. */
type WithCause<E> = E & { cause?: string };

/** Changes the state by one fact about a machine that happened at `at` (ms since 1970). */
export function evolveMachine(state: ClusterState, event: MachineEvent, at: number): void {
  if (event.type === 'MachineJoined') {
    const { type: _, cause: __, ...facts }: WithCause<typeof event> = event;
    const metadata = withOverrides(facts.metadata, state.metadata.get(event.machine));
    const { bootId } = state.machines.get(event.machine) ?? event;
    // Nothing that ran survives a reboot.
    if (bootId !== event.bootId) endLeases(state, event.machine);
    return remeasured(state, event, () =>
      state.machines.set(event.machine, { ...facts, metadata, state: 'ready', reason: '', since: at }),
    );
  }
  const machine = state.machines.get(event.machine);
  if (!machine) return;
  switch (event.type) {
    case 'MachineLost':
      return depart(state, machine, 'lost', event.reason, at);
    case 'MachineLeft':
      depart(state, machine, 'left', event.reason, at);
      // It has stopped everything before it said so.
      return endLeases(state, machine.machine);
    default:
      return event satisfies never;
  }
}

/** Lets it join: what units reserve that want a share of its memory goes by what it has now. */
function remeasured(state: ClusterState, { machine, capacity }: MachineFacts, join: () => void): void {
  const isOther = state.machines.get(machine)?.capacity.memoryBytes !== capacity.memoryBytes;
  const names = isOther ? [...state.assigned.get(machine)] : [];
  const sharing = names.flatMap((name) => state.units.get(name) ?? []).filter((unit) => unit.resources.memoryFraction);
  for (const unit of sharing) reserve(state, machine, unit, -1);
  join();
  for (const unit of sharing) reserve(state, machine, unit, 1);
}

/** Its units are free to be placed elsewhere, and what it reported is no longer true. */
function depart(state: ClusterState, machine: MachineRecord, to: MachineState, reason: string, at: number): void {
  const id = machine.machine;
  state.machines.set(id, { ...machine, state: to, reason, since: at });
  forgetLeaving(state, id);
  state.reports.delete(id);
  for (const name of [...state.assigned.get(id)].sort()) {
    const unit = state.units.get(name);
    if (!unit) continue;
    release(state, unit, id);
    if (!unit.placement.global) want(state, name, `machine ${id} ${to}: ${reason}`);
  }
}

/** Changes the state by what a node says on its own subject. Of a machine that is not there nothing is believed. */
export function evolveNode(state: ClusterState, event: NodeEvent, at: number): void {
  if (state.machines.get(event.machine)?.state !== 'ready') return;
  switch (event.type) {
    case 'NodeSynced':
      forgetLeaving(state, event.machine);
      return state.reports.delete(event.machine);
    case 'UnitStateReported':
      return noteReport(state, event, at);
    case 'UnitCommandRun':
      return;
    case 'UnitStateForgotten':
      state.reports.get(event.machine)?.delete(event.unit);
      return noteLeft(state, event.unit, event.machine);
    default:
      return event satisfies never;
  }
}

type Reported = Extract<NodeEvent, { type: 'UnitStateReported' }>;

function noteReport(state: ClusterState, event: Reported, at: number): void {
  let reports = state.reports.get(event.machine);
  if (!reports) {
    reports = new Map();
    state.reports.set(event.machine, reports);
  }
  const before = reports.get(event.unit);
  const isSame = before?.active === event.active && before.sub === event.sub;
  reports.set(event.unit, reportedState(event, isSame ? before.since : at));
  if (before === undefined) noteLeaving(state, event.unit, event.machine);
  settleMove(state, event);
  const noted = reports.get(event.unit);
  if (noted) noteTrigger(state, noted, before, event.machine);
  if (noted) noteActivation(state, noted, event.machine);
  if (noted) noteFailing(state, event.unit, event.machine, noted, at);
  noteTimer(state, event);
}

/** Field by field: reports are most of a long history, and copying all but a few fields is several times slower. */
function reportedState(event: Reported, since: number): ReportedState {
  const { unit, hash, load, active, sub, result, goal, reason } = event;
  const state: ReportedState = { unit, hash, load, active, sub, result, goal, reason, since };
  if (event.exit !== undefined) state.exit = event.exit;
  if (event.invocation !== undefined) state.invocation = event.invocation;
  if (event.activatedAt !== undefined) state.activatedAt = event.activatedAt;
  if (event.pid !== undefined) state.pid = event.pid;
  if (event.container !== undefined) state.container = event.container;
  if (event.health !== undefined) state.health = event.health;
  if (event.restarts !== undefined) state.restarts = event.restarts;
  if (event.reloadFailure !== undefined) state.reloadFailure = event.reloadFailure;
  if (event.status !== undefined) state.status = event.status;
  if (event.timer !== undefined) state.timer = event.timer;
  return state;
}
