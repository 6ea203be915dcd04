/** The cluster's decider: `decide`, `evolve`, and the state between them is in `clusterState.ts`. */
import { type ClusterState, rememberedCommands } from './clusterState.ts';
import { type CordonCommand, decideCordon, evolveCordon } from './cordon.ts';
import type { ClusterEvent, Event } from './events.ts';
import { decideForget, evolveForgotten, type ForgetCommand } from './forgetting.ts';
import { decideMachine, evolveMachine, evolveNode, type MachineCommand } from './machine.ts';
import { decideMetadata, evolveMetadata, type MetadataCommand } from './machineMetadata.ts';
import { decideRebalance, evolveRebalance, type RebalanceCommand } from './rebalance.ts';
import type { Rejection } from './rejection.ts';
import { decideStop, evolveRollout, type StopRollouts } from './rollout.ts';
import { decideUnits, evolveUnit, type UnitCommand } from './unit.ts';

export type ClusterCommand =
  | UnitCommand
  | MachineCommand
  | CordonCommand
  | MetadataCommand
  | RebalanceCommand
  | StopRollouts
  | ForgetCommand;

/** What the command leads to (nothing, where it is so already), or why it is refused. Reads, never writes. */
export function decide(state: ClusterState, command: ClusterCommand): ClusterEvent[] | Rejection {
  switch (command.type) {
    case 'JoinMachine':
    case 'LeaveMachine':
      return decideMachine(state, command);
    case 'CordonMachines':
    case 'UncordonMachines':
      return decideCordon(state, command);
    case 'ChangeMachineMetadata':
      return decideMetadata(state, command);
    case 'ForgetMachines':
      return decideForget(state, command);
    case 'Rebalance':
    case 'StopRebalance':
      return decideRebalance(state, command);
    case 'StopRollouts':
      return decideStop(state, command);
    default:
      return decideUnits(state, command);
  }
}

/** When and where on the log an event happened. */
export interface Moment {
  /** Sequence of its commit. */
  seq: number;
  /** The commit's time, ms since 1970. */
  at: number;
}

/** Changes the state by one event. Depends on nothing but its arguments: no clock, no randomness, no environment. */
export function evolve(state: ClusterState, event: Event, { seq, at }: Moment): void {
  switch (event.type) {
    case 'LeaderElected':
      state.leader = { id: event.leader, epoch: event.epoch };
      state.cluster = event.cluster;
      return;
    case 'MachineJoined':
    case 'MachineLost':
    case 'MachineLeft':
      return evolveMachine(state, event, at);
    case 'MachineMetadataChanged':
      return evolveMetadata(state, event);
    case 'MachineCordoned':
    case 'MachineUncordoned':
    case 'MachineDrained':
      return evolveCordon(state, event, at);
    case 'MachineForgotten':
      return evolveForgotten(state, event.machine);
    case 'RebalanceStarted':
    case 'RebalanceEnded':
      return evolveRebalance(state, event);
    case 'RolloutStarted':
    case 'RolloutStepped':
    case 'RolloutUnitsWell':
    case 'RolloutTurned':
    case 'RolloutEnded':
      return evolveRollout(state, event, at);
    case 'NodeSynced':
    case 'UnitStateReported':
    case 'UnitStateForgotten':
    case 'UnitCommandRun':
      return evolveNode(state, event, at);
    default:
      return evolveUnit(state, event, seq);
  }
}

/** The parts of a commit that the state depends on. */
export interface FoldedCommit {
  at: number;
  commands?: { id: string }[];
  events: Event[];
}

/** Changes the state by one commit: its events, and the commands that it answers. */
export function evolveCommit(state: ClusterState, commit: FoldedCommit, seq: number): void {
  for (const event of commit.events) evolve(state, event, { seq, at: commit.at });
  for (const { id } of commit.commands ?? []) remember(state, id, seq);
}

function remember(state: ClusterState, id: string, seq: number): void {
  state.answered.set(id, seq);
  if (state.answered.size <= rememberedCommands) return;
  for (const oldest of state.answered.keys()) {
    state.answered.delete(oldest);
    break;
  }
}
