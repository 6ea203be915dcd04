import type { Moment } from '../../../shared/domain/cluster.ts';
import type { ClusterState, MachineRecord, UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import { type Left, noteLeft } from './awaiting.ts';
import { rejects } from './filters.ts';
import { Heap } from './heap.ts';
import { compareRanked, hasPreferences, type Ranked, scoreAll } from './ranking.ts';
import { Ranking } from './readyMachines.ts';
import { Room } from './room.ts';
import { Siblings } from './siblings.ts';

/** What is to be done so that the units are where they should be; each task is the event that will record it. */
export type Task = Extract<
  ClusterEvent,
  | {
      type:
        | 'UnitPlaced'
        | 'UnitEvicted'
        | 'UnitAwaitEnded'
        | 'UnitLeftWaiting'
        | 'UnitLoadRequested'
        | 'UnitLaunchRequested'
        | 'MachineDrained'
        | 'RebalanceEnded'
        | 'UnitSubmitted'
        | 'UnitMayReturn'
        | 'UnitFailsNoMore';
    }
  | { rollout: string }
>;

export interface WorkOptions {
  /** Stop after so many tasks; the rest is still pending and comes next time. */
  maxTasks?: number;
  /** Is told of every task. */
  room?: Room;
  /** The places that units have lost earlier in the same round. */
  left?: Left;
}

/** A draft of the state, what was done to it so far, and the machines as they rank now. */
export class Work {
  readonly state: ClusterState;
  readonly tasks: Task[] = [];
  readonly moment: Moment;
  readonly left: Left;
  readonly #room: Room;
  readonly #maxTasks: number;
  #ranking: Ranking | null = null;
  #siblings: Siblings | null = null;

  /** Whether the unit was wished to run in this very commit: it has not been anywhere before. */
  isStartedNow({ desired, goal, machines }: UnitRecord): boolean {
    return desired === 'launched' && goal === this.moment.seq && Object.keys(machines).length === 0;
  }

  constructor(
    state: ClusterState,
    moment: Moment,
    { maxTasks = Infinity, room = new Room(), left = new Map() }: WorkOptions = {},
  ) {
    this.state = state;
    this.moment = moment;
    this.#maxTasks = maxTasks;
    this.#room = room;
    this.left = left;
  }

  get isFull(): boolean {
    return this.tasks.length >= this.#maxTasks;
  }

  apply(task: Task): void {
    this.tasks.push(task);
    noteLeft(this.left, this.state, task, this.moment.seq);
    const before = this.#machinesOf(task);
    this.#room.evolve(this.state, task, this.moment);
    if ('unit' in task) this.#siblings?.moved(task.unit, before, this.#machinesOf(task));
    if (!('machine' in task)) return;
    const machine = this.state.machines.get(task.machine);
    if (machine?.state === 'ready') this.#ranking?.put(machine);
  }

  #machinesOf(task: Task): string[] {
    if (!('unit' in task) || this.#siblings === null) return [];
    return Object.keys(this.state.units.get(task.unit)?.machines ?? {});
  }

  /** The best machine that may take the unit; who was passed over is counted by reason. */
  pick(
    unit: UnitRecord,
    destination: Destination = {},
    filter: typeof rejects = rejects,
  ): { winner: Ranked | undefined; rejected: Record<string, number> } {
    const rejected: Record<string, number> = {};
    for (const ranked of this.#bestFirst(unit)) {
      const reason = rejectsMove(destination, ranked.machine) ?? filter(this.state, unit, ranked.machine);
      if (reason === null) return { winner: ranked, rejected };
      countReason(rejected, reason);
    }
    return { winner: undefined, rejected };
  }

  /** As the unit ranks them. Those that were looked at go back into the common ranking. */
  *#bestFirst(unit: UnitRecord): Generator<Ranked, void, undefined> {
    if (hasPreferences(unit)) return yield* this.#preferredFirst(unit);
    // Made when it is first needed: most rounds place nothing.
    this.#ranking ??= new Ranking(this.state);
    const ranking = this.#ranking;
    const taken: MachineRecord[] = [];
    try {
      for (let best = ranking.take(); best !== undefined; best = ranking.take()) {
        taken.push(best.machine);
        yield best;
      }
    } finally {
      for (const machine of taken) ranking.put(machine);
    }
  }

  *#preferredFirst(unit: UnitRecord): Generator<Ranked, void, undefined> {
    this.#siblings ??= new Siblings(this.state);
    const heap = new Heap<Ranked>(compareRanked);
    for (const scored of scoreAll(this.state, unit, this.#siblings)) heap.put(scored);
    for (let best = heap.take(); best !== undefined; best = heap.take()) yield best;
  }
}

/** Of a unit that is moved: neither where it was, nor anywhere else than where it was asked to be. */
export interface Destination {
  from?: string | undefined;
  to?: string | undefined;
  /** Why nowhere else, where it is not for a move. */
  why?: string;
}

function rejectsMove(
  { from, to, why = 'it is moved to another machine' }: Destination,
  { machine }: MachineRecord,
): string | null {
  if (machine === from) return 'it is moved away from there';
  return to === undefined || machine === to ? null : why;
}

/** An event tells so many reasons apart: on a large cluster every machine may have another unit that conflicts. */
const maxReasons = 20;

export function countReason(rejected: Record<string, number>, reason: string): void {
  const isTold = reason in rejected || Object.keys(rejected).length < maxReasons;
  const told = isTold ? reason : 'other reasons';
  rejected[told] = (rejected[told] ?? 0) + 1;
}
