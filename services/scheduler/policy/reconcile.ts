import { evolve, type Moment } from '../../../shared/domain/cluster.ts';
import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import { rejects, stillFits } from './filters.ts';
import { type Ranked, Ranking, scoreOf } from './ranking.ts';

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
  const work = new Work(state, options.moment);
  const open = [...state.pending.keys(), ...(options.includeWaiting ? state.waiting.keys() : [])];
  // Placing a unit can open another one's place (MachineOf=), hence the rounds; who was looked at is not pending any more.
  for (let round = open; round.length > 0; round = [...state.pending.keys()]) {
    for (const name of followersLast(state, round)) {
      if (work.tasks.length >= options.maxTasks) return work.tasks;
      const unit = state.units.get(name);
      // What was placed before it in this round may have settled its place too.
      if (!unit || !(state.pending.has(name) || state.waiting.has(name))) continue;
      if (unit.placement.global) placeEverywhere(work, unit);
      else placeOnce(work, unit);
    }
  }
  return work.tasks;
}

/** A follower can only be placed after the unit that it follows. */
function followersLast(state: ClusterState, names: string[]): string[] {
  const isFollower = (name: string) => state.units.get(name)?.placement.machineOf !== undefined;
  return [...names.filter((name) => !isFollower(name)), ...names.filter(isFollower)];
}

/** The draft, what was done to it so far, and the machines as they rank now. */
class Work {
  readonly state: ClusterState;
  readonly tasks: Task[] = [];
  readonly #moment: Moment;
  #ranking: Ranking | null = null;

  constructor(state: ClusterState, moment: Moment) {
    this.state = state;
    this.#moment = moment;
  }

  apply(task: Task): void {
    this.tasks.push(task);
    evolve(this.state, task, this.#moment);
  }

  /** Made when it is first needed: most rounds place nothing. */
  get ranking(): Ranking {
    this.#ranking ??= new Ranking(this.state);
    return this.#ranking;
  }

  /** Loads have changed in a way that the ranking was not told of. */
  dropRanking(): void {
    this.#ranking = null;
  }
}

function placeOnce(work: Work, unit: UnitRecord): void {
  const { state } = work;
  for (const id of Object.keys(unit.machines)) {
    const machine = state.machines.get(id);
    const reason = (machine && stillFits(state, unit, machine)) ?? state.pending.get(unit.name) ?? 'machine unknown';
    work.apply({ type: 'UnitEvicted', unit: unit.name, machine: id, reason });
    work.dropRanking();
  }
  const { winner, rejected } = pick(work, unit);
  if (!winner) return leaveWaiting(work, unit, rejected);
  work.apply({
    type: 'UnitPlaced',
    unit: unit.name,
    machine: winner.machine.machine,
    reason: state.pending.get(unit.name) ?? state.waiting.get(unit.name)?.why ?? '',
    score: winner.score,
    rejected,
  });
  work.ranking.put(winner.machine);
}

/** Takes machines best first until one may take the unit; the others go back. The winner stays out of the ranking. */
function pick({ state, ranking }: Work, unit: UnitRecord) {
  const rejected: Record<string, number> = {};
  const passedOver: Ranked[] = [];
  let winner: Ranked | undefined;
  for (let best = ranking.take(); best !== undefined; best = ranking.take()) {
    const reason = rejects(state, unit, best.machine);
    if (reason === null) {
      winner = best;
      break;
    }
    count(rejected, reason);
    passedOver.push(best);
  }
  for (const { machine } of passedOver) ranking.put(machine);
  return { winner, rejected };
}

/** An event tells so many reasons apart: on a large cluster every machine may have another unit that conflicts. */
const maxReasons = 20;

function count(rejected: Record<string, number>, reason: string): void {
  const isTold = reason in rejected || Object.keys(rejected).length < maxReasons;
  const told = isTold ? reason : 'other reasons';
  rejected[told] = (rejected[told] ?? 0) + 1;
}

/** Recorded when it is news: the first time, and when the reasons are other ones. */
function leaveWaiting(work: Work, unit: UnitRecord, rejected: Record<string, number>): void {
  const before = work.state.waiting.get(unit.name);
  if (before && sameCounts(before.rejected, rejected)) return;
  work.apply({ type: 'UnitLeftWaiting', unit: unit.name, rejected });
}

function placeEverywhere(work: Work, unit: UnitRecord): void {
  const { state } = work;
  const rejected: Record<string, number> = {};
  for (const machine of state.machines.values()) {
    if (machine.state !== 'ready') continue;
    const isPlaced = Object.hasOwn(unit.machines, machine.machine);
    const reason = (isPlaced ? stillFits : rejects)(state, unit, machine);
    if (reason !== null) count(rejected, reason);
    if (isPlaced && reason !== null) {
      work.apply({ type: 'UnitEvicted', unit: unit.name, machine: machine.machine, reason });
    } else if (!isPlaced && reason === null) {
      const score = scoreOf(machine, state.loads.get(machine.machine));
      const why = 'a global unit runs on every machine that may take it';
      work.apply({ type: 'UnitPlaced', unit: unit.name, machine: machine.machine, reason: why, score, rejected: {} });
    }
  }
  work.dropRanking();
  leaveWaiting(work, unit, rejected);
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
