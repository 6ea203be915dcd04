import { type Awaiting, noteLeaving } from './awaiting.ts';
import {
  type ClusterState,
  type Cordon,
  initialState,
  type Lease,
  type MachineRecord,
  type MetadataOverrides,
  type Moving,
  type UnitRecord,
  type Waiting,
} from './clusterState.ts';
import type { ReportedState } from './events.ts';
import type { Rebalance } from './rebalance.ts';
import type { Failing, Rescheduled } from './rescheduling.ts';
import type { Rollout } from './rollout.ts';
import { Table } from './table.ts';
import type { Triggers } from './triggering.ts';
import { indexNames, indexUnit } from './unit.ts';

interface SerializedState {
  cluster: string;
  leader: ClusterState['leader'];
  machines: [string, MachineRecord][];
  units: [string, UnitRecord][];
  cordons?: [string, Cordon][];
  metadata?: [string, MetadataOverrides][];
  moving?: [string, Moving][];
  rebalance?: Rebalance;
  rollouts?: [string, Rollout][];
  failing?: [string, Failing][];
  rescheduled?: [string, Rescheduled][];
  triggers?: [string, Triggers][];
  leases?: [string, Lease][];
  awaiting?: [string, Awaiting][];
  pending: [string, string][];
  waiting: [string, Waiting][];
  reports: [string, [string, ReportedState][]][];
  answered: [string, number][];
}

/**
 * The state as JSON, the same bytes for the same history; what can be derived from the units is left out. What came with
 * a later version is left out where it is empty: a history without it has the hash that it always had.
 */
export function serializeState(state: ClusterState): string {
  const serialized: SerializedState = {
    cluster: state.cluster,
    leader: state.leader,
    machines: [...state.machines.entries()],
    units: [...state.units.entries()],
    ...(state.cordons.size > 0 ? { cordons: [...state.cordons.entries()] } : {}),
    ...(state.metadata.size > 0 ? { metadata: [...state.metadata.entries()] } : {}),
    ...(state.moving.size > 0 ? { moving: [...state.moving.entries()] } : {}),
    ...(state.rebalance === null ? {} : { rebalance: state.rebalance }),
    ...(state.rollouts.size > 0 ? { rollouts: [...state.rollouts.entries()] } : {}),
    ...(state.failing.size > 0 ? { failing: [...state.failing.entries()] } : {}),
    ...(state.rescheduled.size > 0 ? { rescheduled: [...state.rescheduled.entries()] } : {}),
    ...(state.triggers.size > 0 ? { triggers: [...state.triggers.entries()] } : {}),
    ...(state.leases.size > 0 ? { leases: [...state.leases.entries()] } : {}),
    ...(state.awaiting.size > 0 ? { awaiting: [...state.awaiting.entries()] } : {}),
    pending: [...state.pending.entries()],
    waiting: [...state.waiting.entries()],
    reports: [...state.reports.entries()].map(([machine, reports]) => [machine, [...reports]]),
    answered: [...state.answered.entries()],
  };
  return JSON.stringify(serialized);
}

/** The state that {@link serializeState} wrote. */
export function restoreState(json: string): ClusterState {
  const serialized: SerializedState = JSON.parse(json);
  const state: ClusterState = {
    ...initialState(),
    cluster: serialized.cluster,
    leader: serialized.leader,
    machines: tableOf(serialized.machines),
    units: tableOf(serialized.units),
    cordons: tableOf(serialized.cordons ?? []),
    metadata: tableOf(serialized.metadata ?? []),
    moving: tableOf(serialized.moving ?? []),
    rebalance: serialized.rebalance ?? null,
    rollouts: tableOf(serialized.rollouts ?? []),
    failing: tableOf(serialized.failing ?? []),
    rescheduled: tableOf(serialized.rescheduled ?? []),
    triggers: tableOf(serialized.triggers ?? []),
    leases: tableOf(serialized.leases ?? []),
    awaiting: tableOf(serialized.awaiting ?? []),
    pending: tableOf(serialized.pending),
    waiting: tableOf(serialized.waiting),
    reports: tableOf(serialized.reports.map(([machine, reports]) => [machine, new Map(reports)])),
    answered: tableOf(serialized.answered),
  };
  for (const unit of state.units.values()) {
    indexUnit(state, unit);
    indexNames(state, unit);
  }
  for (const [machine, reports] of state.reports.entries()) {
    for (const unit of reports.keys()) noteLeaving(state, unit, machine);
  }
  return state;
}

function tableOf<V>(entries: [string, V][]): Table<V> {
  const table = new Table<V>();
  for (const [key, value] of entries) table.set(key, value);
  return table;
}
