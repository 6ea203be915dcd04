import type { ClusterState } from './clusterState.ts';
import type { ClusterEvent, RebalanceOutcome } from './events.ts';

export type RebalanceCommand =
  /** Units move, one by one, where that makes the cluster more even; `maxMoves` at most. */
  | { type: 'Rebalance'; reason: string; maxMoves: number }
  /** What is on its way arrives; nothing else moves. */
  | { type: 'StopRebalance'; reason: string };

/** The rebalance that is under way, or the last one. */
export interface Rebalance {
  readonly reason: string;
  readonly maxMoves: number;
  readonly moves: number;
  /** The unit that it moved last. */
  readonly last?: string;
  /** Absent: it is under way. */
  readonly ended?: { readonly outcome: RebalanceOutcome; readonly reason: string };
}

/** One is enough: who asks again while it is under way gets the same one. */
export function decideRebalance(state: ClusterState, command: RebalanceCommand): ClusterEvent[] {
  const rebalance = rebalanceUnderWay(state);
  switch (command.type) {
    case 'Rebalance': {
      const { reason, maxMoves } = command;
      return rebalance === null ? [{ type: 'RebalanceStarted', reason, maxMoves }] : [];
    }
    case 'StopRebalance':
      return rebalance === null
        ? []
        : [{ type: 'RebalanceEnded', moves: rebalance.moves, outcome: 'stopped', reason: command.reason }];
    default:
      return command satisfies never;
  }
}

export function rebalanceUnderWay({ rebalance }: ClusterState): Rebalance | null {
  return rebalance?.ended === undefined ? rebalance : null;
}

type RebalanceEvent = Extract<ClusterEvent, { type: 'RebalanceStarted' | 'RebalanceEnded' }>;

/** Changes the state by the begin or the end of a rebalance. */
export function evolveRebalance(state: ClusterState, event: RebalanceEvent): void {
  const { reason } = event;
  if (event.type === 'RebalanceStarted') state.rebalance = { reason, maxMoves: event.maxMoves, moves: 0 };
  else if (state.rebalance) state.rebalance = { ...state.rebalance, ended: { outcome: event.outcome, reason } };
}

/** A unit was moved for the rebalance that is under way. */
export function countMove(state: ClusterState, unit: string): void {
  if (state.rebalance) state.rebalance = { ...state.rebalance, moves: state.rebalance.moves + 1, last: unit };
}
