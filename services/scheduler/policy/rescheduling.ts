import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { leaderThere } from '../../../shared/domain/following.ts';
import { avoidanceMs, type Failing, patienceMs } from '../../../shared/domain/rescheduling.ts';
import { move } from './moving.ts';
import type { Work } from './work.ts';

/**
 * Moves units that have kept failing for as long as their `RescheduleAfter=` says to another machine, and lets them back
 * to a machine that they have left when they have been away for long enough. Each move in a row takes twice as long as
 * the one before.
 */
export function reschedule(work: Work): void {
  for (const name of [...work.state.rescheduled.keys()].sort()) letBack(work, name);
  for (const [name, failing] of [...work.state.failing.entries()].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const unit = work.state.units.get(name);
    if (unit && !work.isFull) judge(work, unit, failing);
  }
}

/** Whether anything here waits for time to pass. */
export function isRescheduling(state: ClusterState): boolean {
  return state.failing.size + state.rescheduled.size > 0;
}

function letBack(work: Work, name: string): void {
  const { state, moment } = work;
  const due = Object.entries(state.rescheduled.get(name)?.avoids ?? {}).filter(([, until]) => until <= moment.at);
  for (const [machine] of due.sort()) work.apply({ type: 'UnitMayReturn', unit: name, machine });
  const { avoids } = state.rescheduled.get(name) ?? { avoids: {} };
  const isOver = Object.keys(avoids).length === 0 && !state.failing.has(name);
  if (isOver) work.apply({ type: 'UnitFailsNoMore', unit: name });
}

function judge(work: Work, unit: UnitRecord, failing: Failing): void {
  const { state, moment } = work;
  const { machine, since, wellSince } = failing;
  const after = unit.placement.rescheduleAfterMs;
  if (after === undefined || !goesByItself(state, unit, machine)) return;
  const known = state.rescheduled.get(unit.name);
  const patience = patienceMs(unit, known);
  if (wellSince !== undefined) {
    const isAway = Object.keys(known?.avoids ?? {}).length > 0;
    if (moment.at - wellSince >= Math.max(after, patience) && !isAway)
      work.apply({ type: 'UnitFailsNoMore', unit: unit.name });
    return;
  }
  const report = state.reports.get(machine)?.get(unit.name);
  if (!report) return;
  // It is not started there again: there is nothing to wait for, the first time.
  const hasGivenUp = report.result === 'start-limit-hit' && known === undefined;
  if (!hasGivenUp && moment.at - since < patience) return;
  const lastedS = Math.round((moment.at - since) / 1_000);
  const how = hasGivenUp ? 'it failed too often' : `it has kept failing for ${lastedS} s`;
  const reason = `${how} on ${machine} (${report.result === 'success' ? report.active : report.result})`;
  move(work, { unit, from: machine, reason, avoidUntil: moment.at + avoidanceMs(patience) });
}

function goesByItself(state: ClusterState, unit: UnitRecord, machine: string): boolean {
  const { global, machineOf } = unit.placement;
  return !global && machineOf === undefined && leaderThere(state, unit.name, machine) === undefined;
}
