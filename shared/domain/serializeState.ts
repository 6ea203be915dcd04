import { type ClusterState, initialState, type MachineRecord, type UnitRecord, type Waiting } from './clusterState.ts';
import type { ReportedState } from './events.ts';
import { Table } from './table.ts';
import { indexUnit } from './unit.ts';

interface SerializedState {
  cluster: string;
  leader: ClusterState['leader'];
  machines: [string, MachineRecord][];
  units: [string, UnitRecord][];
  pending: [string, string][];
  waiting: [string, Waiting][];
  reports: [string, [string, ReportedState][]][];
  answered: [string, number][];
}

/** The state as JSON, the same bytes for the same history; what can be derived from the units is left out. */
export function serializeState(state: ClusterState): string {
  const serialized: SerializedState = {
    cluster: state.cluster,
    leader: state.leader,
    machines: [...state.machines.entries()],
    units: [...state.units.entries()],
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
    pending: tableOf(serialized.pending),
    waiting: tableOf(serialized.waiting),
    reports: tableOf(serialized.reports.map(([machine, reports]) => [machine, new Map(reports)])),
    answered: tableOf(serialized.answered),
  };
  for (const unit of state.units.values()) indexUnit(state, unit);
  return state;
}

function tableOf<V>(entries: [string, V][]): Table<V> {
  const table = new Table<V>();
  for (const [key, value] of entries) table.set(key, value);
  return table;
}
