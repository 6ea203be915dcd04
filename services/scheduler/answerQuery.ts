import type { ClusterState, MachineState, UnitRecord } from '../../shared/domain/clusterState.ts';
import {
  machines,
  reportedRows,
  statesOf,
  timers,
  unitFile,
  unitFiles,
  unitStates,
} from '../../shared/domain/views.ts';
import type { Projection } from '../../shared/log/projection.ts';
import type {
  Awaited,
  DrainProgress,
  QueryAnswers,
  QueryBody,
  RolloutProgress,
  SchedulerStatus,
  UnitDetails,
} from '../../shared/protocol/queries.ts';
import { hashState } from '../../shared/protocol/stateHash.ts';
import { onTheWay, staysFor } from './policy/draining.ts';
import { explain } from './policy/explaining.ts';
import { rejects } from './policy/filters.ts';
import { progressOf } from './policy/rolling.ts';

/** Those that take no time. */
export type PromptQuery = Exclude<QueryBody, { type: 'PlanRebalance' }>;
type Answer = QueryAnswers[PromptQuery['type']];

/**
 * Answers a query at once, from a projection as it is. `WaitUnits` says how far it is; the caller asks again. `now`
 * (ms since 1970) matters to what waits for time to pass.
 */
export function answerQuery(projection: Projection, query: PromptQuery, scheduler: string, now = 0): Answer {
  const { state } = projection;
  switch (query.type) {
    case 'ListUnits':
      return { units: unitStates(state) };
    case 'ListUnitFiles':
      return { units: unitFiles(state) };
    case 'ListTimers':
      return { timers: timers(state) };
    case 'ListMachines':
      return { machines: machines(state) };
    case 'ExplainUnit':
      return explain(state, query.unit, projection.seq);
    case 'GetDrain':
      return drainProgress(state, query.machine);
    case 'GetRollout':
      return rolloutProgress(state, query.unit, now);
    case 'GetRebalance':
      return { rebalance: state.rebalance };
    case 'GetUnits':
      return {
        units: query.units.map((name) => ({ ...unitDetails(state, name, 'launched'), ...recordOf(state, name) })),
      };
    case 'WaitUnits':
      return { units: query.units.map((name) => unitDetails(state, name, query.until)) };
    case 'GetStatus':
      return status(state, scheduler);
    default:
      return query satisfies never;
  }
}

/** Whether all units of a `WaitUnits` have come to rest: cheaper than the whole answer. */
export function allSettled(state: ClusterState, units: string[], until: Awaited): boolean {
  return units.every((name) => isSettled(state, name, until));
}

function unitDetails(state: ClusterState, name: string, until: Awaited): UnitDetails {
  const unit = state.units.get(name);
  const settled = isSettled(state, name, until);
  if (!unit) return { name, states: reportedRows(state, name), settled };
  const file = unitFile(state, unit);
  const waiting = state.waiting.get(name);
  const details = { name, file, states: statesOf(state, unit), settled };
  if (!waiting || Object.keys(unit.machines).length > 0) return details;
  return { ...details, waiting: { why: waiting.why, machines: rejections(state, unit) } };
}

function recordOf(state: ClusterState, name: string): Pick<UnitDetails, 'text' | 'places'> {
  const unit = state.units.get(name);
  if (!unit) return {};
  const reasons = Object.entries(unit.machines).map(([machine, { reason }]) => [machine, reason]);
  return { text: unit.text, places: Object.fromEntries(reasons) };
}

function rejections(state: ClusterState, unit: UnitRecord): { id: string; reason: string }[] {
  return [...state.machines.values()]
    .filter((machine) => machine.state === 'ready')
    .map((machine) => ({ id: machine.machine, reason: rejects(state, unit, machine) ?? 'it may take it now' }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

function isSettled(state: ClusterState, name: string, until: Awaited): boolean {
  const unit = state.units.get(name);
  if (until === 'gone') return !unit && !isReported(state, name);
  if (until === 'inactive' || !unit) return !isReported(state, name);
  if (state.waiting.has(name) && !unit.placement.global) return true;
  const machines = Object.keys(unit.machines);
  if (state.pending.has(name) || (machines.length === 0 && !unit.placement.global)) return false;
  return machines.every((machine) => hasComeToRest(state, unit, machine));
}

function drainProgress(state: ClusterState, machine: string): DrainProgress {
  const cordon = state.cordons.get(machine);
  const moved = onTheWay(state, machine).flatMap((name) => state.units.get(name) ?? []);
  return {
    ...(cordon ? { cordon } : {}),
    onTheWay: moved.flatMap((unit) => statesOf(state, unit)),
    left: [...state.assigned.get(machine)].sort().map((unit) => ({ unit, waitsFor: staysFor(state, unit, machine) })),
  };
}

function rolloutProgress(state: ClusterState, name: string, now: number): RolloutProgress {
  const rollout = [...state.rollouts.values()].filter(({ versions }) => Object.hasOwn(versions, name)).at(-1);
  if (!rollout) return { units: [] };
  const { turned, ended } = rollout;
  const units = progressOf(state, rollout, now).map(({ unit, step }) => ({ unit, step }));
  return { rollout: { ...(turned === undefined ? {} : { turned }), ...(ended ? { ended } : {}) }, units };
}

/** Some machine still has the unit. */
function isReported(state: ClusterState, name: string): boolean {
  for (const reports of state.reports.values()) if (reports.has(name)) return true;
  return false;
}

function hasComeToRest(state: ClusterState, unit: UnitRecord, machine: string): boolean {
  const report = state.reports.get(machine)?.get(unit.name);
  if (!report || report.goal < unit.goal) return false;
  if (report.active === 'reloading') return false;
  return report.active !== 'deactivating' && (report.active !== 'activating' || report.sub === 'auto-restart');
}

function status(state: ClusterState, scheduler: string): SchedulerStatus {
  const counts: Record<MachineState, number> = { ready: 0, lost: 0, left: 0 };
  for (const machine of state.machines.values()) counts[machine.state]++;
  return {
    scheduler,
    leader: state.leader?.id ?? null,
    epoch: state.leader?.epoch ?? 0,
    stateHash: hashState(state),
    machines: counts,
    units: state.units.size,
  };
}
