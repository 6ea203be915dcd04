import { evolve, type Moment } from '../../../shared/domain/cluster.ts';
import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import { rejects, stillFits } from './filters.ts';
import { type Ranked, Ranking } from './ranking.ts';

/** What is to be done so that the units are where they should be; each task is the event that will record it. */
export type Task = Extract<ClusterEvent, { type: 'UnitPlaced' | 'UnitEvicted' | 'UnitLeftWaiting' }>;

export interface ReconcileOptions {
  /** Also look again at units that found no machine before: something has changed that may have made room. */
  includeWaiting: boolean;
  /** Stop after so many tasks; the rest is still pending and comes next time. */
  maxTasks: number;
  moment: Moment;
}

/**
 * Places what wishes to be placed. It looks at what is, not at what has changed: units in `pending` (and `waiting`)
 * are those whose place the state itself knows to be open. `state` is a draft; the tasks are applied to it.
 */
export function reconcile(state: ClusterState, options: ReconcileOptions): Task[] {
  const tasks: Task[] = [];
  const ranking = new Ranking(state);
  const apply = (task: Task) => {
    tasks.push(task);
    evolve(state, task, options.moment);
  };
  const open = [...state.pending.keys()];
  if (options.includeWaiting) open.push(...state.waiting.keys());
  // Placing a unit can open another one's place (MachineOf=), hence the second list; every unit leaves it once looked at.
  for (let next = open.shift(); next !== undefined && tasks.length < options.maxTasks; next = open.shift()) {
    const unit = state.units.get(next);
    if (!unit || unit.desired === 'inactive') continue;
    if (unit.placement.global) placeEverywhere(state, unit, apply);
    else placeOnce(state, unit, ranking, apply);
    if (open.length === 0) open.push(...state.pending.keys());
  }
  return tasks;
}

type Apply = (task: Task) => void;

function placeOnce(state: ClusterState, unit: UnitRecord, ranking: Ranking, apply: Apply): void {
  for (const id of Object.keys(unit.machines)) {
    const machine = state.machines.get(id);
    const reason = (machine && stillFits(state, unit, machine)) ?? state.pending.get(unit.name) ?? 'machine unknown';
    apply({ type: 'UnitEvicted', unit: unit.name, machine: id, reason });
  }
  const { winner, rejected } = pick(state, unit, ranking);
  if (!winner) return leaveWaiting(state, unit, rejected, apply);
  apply({
    type: 'UnitPlaced',
    unit: unit.name,
    machine: winner.machine.machine,
    reason: state.pending.get(unit.name) ?? state.waiting.get(unit.name)?.why ?? '',
    score: winner.score,
    rejected,
  });
  ranking.put(winner.machine);
}

/** Takes machines best first until one may take the unit; the others go back. The winner stays out of the ranking. */
function pick(state: ClusterState, unit: UnitRecord, ranking: Ranking) {
  const rejected: Record<string, number> = {};
  const passedOver: Ranked[] = [];
  let winner: Ranked | undefined;
  for (let best = ranking.take(); best !== undefined; best = ranking.take()) {
    const reason = rejects(state, unit, best.machine);
    if (reason === null) {
      winner = best;
      break;
    }
    rejected[reason] = (rejected[reason] ?? 0) + 1;
    passedOver.push(best);
  }
  for (const { machine } of passedOver) ranking.put(machine);
  return { winner, rejected };
}

/** Recorded when it is news: the first time, and when the reasons are other ones. */
function leaveWaiting(state: ClusterState, unit: UnitRecord, rejected: Record<string, number>, apply: Apply): void {
  const before = state.waiting.get(unit.name);
  if (before && sameCounts(before.rejected, rejected)) return;
  apply({ type: 'UnitLeftWaiting', unit: unit.name, rejected });
}

function placeEverywhere(state: ClusterState, unit: UnitRecord, apply: Apply): void {
  const rejected: Record<string, number> = {};
  for (const machine of state.machines.values()) {
    if (machine.state !== 'ready') continue;
    const placed = machine.machine in unit.machines;
    const reason = (placed ? stillFits : rejects)(state, unit, machine);
    if (reason !== null) rejected[reason] = (rejected[reason] ?? 0) + 1;
    if (placed && reason !== null) {
      apply({ type: 'UnitEvicted', unit: unit.name, machine: machine.machine, reason });
    } else if (!placed && reason === null) {
      const score = { load: 0, units: state.loads.get(machine.machine)?.units ?? 0 };
      const why = 'a global unit runs on every machine that may take it';
      apply({ type: 'UnitPlaced', unit: unit.name, machine: machine.machine, reason: why, score, rejected: {} });
    }
  }
  leaveWaiting(state, unit, rejected, apply);
}

function sameCounts(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}

/** Whether the event may make room for a unit that found none before. */
export function makesRoom(event: { type: string }): boolean {
  return roomMakers.has(event.type);
}

const roomMakers = new Set<string>([
  'MachineJoined',
  'MachineMetadataChanged',
  'MachineLost',
  'MachineLeft',
  'UnitSubmitted',
  'UnitDestroyed',
  'UnitUnloadRequested',
  'UnitEvicted',
] satisfies ClusterEvent['type'][]);
