import type { ClusterState, MachineRecord, MachineState } from './clusterState.ts';
import type { ClusterEvent, MachineFacts, NodeEvent, ReportedState, UnitReport } from './events.ts';
import { type Rejection, reject } from './rejection.ts';
import { release, want } from './unit.ts';

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
      return refuseForeign(state, command) ?? decideJoin(known, command);
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
    if (known.session === facts.session && sameFacts(known, facts)) return [];
  }
  return [{ type: 'MachineJoined', ...facts }];
}

function sameFacts(known: MachineRecord, facts: MachineFacts): boolean {
  return (Object.keys(facts) as (keyof MachineFacts)[]).every(
    (key) => JSON.stringify(known[key]) === JSON.stringify(facts[key]),
  );
}

type MachineEvent = Extract<ClusterEvent, { machine: string }> & { unit?: never };

/** In a commit an event may carry its cause, which is no part of what it says of a machine or a unit. */
type WithCause<E> = E & { cause?: string };

/** Changes the state by one fact about a machine that happened at `at` (ms since 1970). */
export function evolveMachine(state: ClusterState, event: MachineEvent, at: number): void {
  if (event.type === 'MachineJoined') {
    const { type: _, cause: __, ...facts }: WithCause<typeof event> = event;
    return state.machines.set(event.machine, { ...facts, state: 'ready', reason: '', since: at });
  }
  const machine = state.machines.get(event.machine);
  if (!machine) return;
  switch (event.type) {
    case 'MachineMetadataChanged':
      return state.machines.set(machine.machine, { ...machine, metadata: event.metadata });
    case 'MachineLost':
      return depart(state, machine, 'lost', event.reason, at);
    case 'MachineLeft':
      return depart(state, machine, 'left', event.reason, at);
    default:
      return event satisfies never;
  }
}

/** Its units are free to be placed elsewhere, and what it reported is no longer true. */
function depart(state: ClusterState, machine: MachineRecord, to: MachineState, reason: string, at: number): void {
  const id = machine.machine;
  state.machines.set(id, { ...machine, state: to, reason, since: at });
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
      return state.reports.delete(event.machine);
    case 'UnitStateReported': {
      const { type: _, cause: __, machine, ...report }: WithCause<typeof event> = event;
      return noteReport(state, machine, report, at);
    }
    case 'UnitStateForgotten':
      state.reports.get(event.machine)?.delete(event.unit);
      return;
    default:
      return event satisfies never;
  }
}

function noteReport(state: ClusterState, machine: string, report: UnitReport, at: number): void {
  const reports = state.reports.get(machine) ?? new Map<string, ReportedState>();
  const before = reports.get(report.unit);
  const isSame = before?.active === report.active && before.sub === report.sub;
  reports.set(report.unit, { ...report, since: isSame ? before.since : at });
  if (!before && reports.size === 1) state.reports.set(machine, reports);
}
