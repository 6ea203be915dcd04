import { type ClusterState, draft } from '../../../shared/domain/clusterState.ts';
import type { RebalanceOutcome } from '../../../shared/domain/events.ts';
import { type Rebalance, rebalanceUnderWay } from '../../../shared/domain/rebalance.ts';
import type { PlannedMove, RebalancePlan } from '../../../shared/protocol/queries.ts';
import { balanceInSlices, drained } from './balance.ts';
import { MoveSearch } from './moveSearch.ts';
import { Work } from './work.ts';

/** A search that goes on from round to round, a part at a time. It means nothing to the next leader. */
export class SlicedSearch {
  readonly #comparisons: number;
  #search: MoveSearch | null = null;

  /** `comparisons`: so many are made in one go. Default: as many as it takes. */
  constructor(comparisons = Number.POSITIVE_INFINITY) {
    this.#comparisons = comparisons;
  }

  get isUnderWay(): boolean {
    return this.#search !== null;
  }

  /** The best move, null where there is none, or 'unfinished'. */
  next(state: ClusterState): PlannedMove | null | 'unfinished' {
    this.#search ??= new MoveSearch(state);
    const found = this.#search.run(state, this.#comparisons);
    if (found === 'unfinished') return found;
    this.#search = found === 'stale' ? new MoveSearch(state) : null;
    return found === 'stale' ? 'unfinished' : found;
  }

  drop(): void {
    this.#search = null;
  }
}

/**
 * Takes the rebalance that is under way one step further: the next unit moves when the one before it is well where it is
 * now. It ends when no move makes the cluster more even, or one has gone wrong. It looks at what is, so that it goes on
 * under the next leader.
 */
export function rebalance(work: Work, search = new SlicedSearch()): void {
  const { state } = work;
  const under = dueNow(work);
  if (under === null) return search.drop();
  const next = search.next(state);
  if (next === 'unfinished') return;
  if (next === null) return end(work, under, 'even', 'no move makes the cluster more even');
  const { unit, from, to, why } = next;
  const reason = `rebalanced: ${why}${under.reason === '' ? '' : ` (${under.reason})`}`;
  work.apply({ type: 'UnitEvicted', unit, machine: from, reason, move: { to, by: 'rebalance' } });
}

/** The rebalance, if its next move is due. It may have come to an end. */
function dueNow(work: Work): Rebalance | null {
  const under = rebalanceUnderWay(work.state);
  if (under === null || work.isFull || work.state.pending.size > 0) return null;
  const trouble = under.last === undefined ? null : troubleOf(work.state, under.last);
  if (trouble !== null) end(work, under, 'failed', trouble);
  else if (isAnyOnTheWay(work.state)) return null;
  else if (under.moves < under.maxMoves) return under;
  else end(work, under, 'limit', 'it has made as many moves as were asked for');
  return null;
}

function end(work: Work, { moves }: Rebalance, outcome: RebalanceOutcome, reason: string): void {
  work.apply({ type: 'RebalanceEnded', moves, outcome, reason });
}

/** What a rebalance would do now, without doing it. Each move is taken to succeed. */
export function planRebalance(state: ClusterState, maxMoves: number): RebalancePlan {
  return drained(planInSlices(state, maxMoves));
}

/** The same, a part at a time: whoever asks does other things in between. What changes meanwhile is planned with from then on. */
export function* planInSlices(
  state: ClusterState,
  maxMoves: number,
  comparisons?: number,
): Generator<undefined, RebalancePlan, undefined> {
  const work = new Work(draft(state), { seq: 0, at: 0 });
  const search = new SlicedSearch(comparisons);
  const before = yield* balanceInSlices(work.state);
  const moves: PlannedMove[] = [];
  while (moves.length < maxMoves) {
    yield undefined;
    const next = search.next(work.state);
    if (next === 'unfinished') continue;
    if (next === null) break;
    moves.push(next);
    const { unit, from, to, why: reason } = next;
    work.apply({ type: 'UnitEvicted', unit, machine: from, reason, move: { to } });
    const score = { load: 0, units: 0 };
    work.apply({ type: 'UnitPlaced', unit, machine: to, reason, score, rejected: {} });
    arrive(work.state, unit, from, to);
  }
  return { moves, before, after: yield* balanceInSlices(work.state) };
}

/** In a plan a unit is as well where it goes as it was. */
function arrive(state: ClusterState, name: string, from: string, to: string): void {
  const report = state.reports.get(from)?.get(name);
  const unit = state.units.get(name);
  if (report && unit) state.reports.set(to, new Map(state.reports.get(to)).set(name, { ...report, goal: unit.goal }));
  state.moving.delete(name);
}

/** Why a unit that was moved will not be well by itself, or null. */
function troubleOf(state: ClusterState, name: string): string | null {
  const unit = state.moving.has(name) ? state.units.get(name) : undefined;
  if (!unit) return null;
  const [place] = Object.keys(unit.machines);
  if (place === undefined) return `${name} has left its machine and finds no other one`;
  const report = state.reports.get(place)?.get(name);
  const isFailed = report !== undefined && report.goal >= unit.goal && report.active === 'failed';
  return isFailed ? `${name} failed on ${place}, where it was moved to` : null;
}

function isAnyOnTheWay(state: ClusterState): boolean {
  for (const [name] of state.moving.entries()) if (troubleOf(state, name) === null) return true;
  return false;
}

/** What the leader does in one go: some 10 ms, on a large cluster. */
export const comparisonsAtOnce = 60_000;
/** It hears others in between. */
export const searchPauseMs = 1;
