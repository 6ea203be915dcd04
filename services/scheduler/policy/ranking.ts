import { type ClusterState, emptyLoad, type Load, type MachineRecord } from '../../../shared/domain/clusterState.ts';

/** How good a machine is for one more unit: the least reserved share first, then the fewest units, then the lowest id. */
export interface Score {
  /** The larger of the reserved shares of memory and CPU; 0 where nothing is reserved or the capacity is unknown. */
  load: number;
  units: number;
}

export function scoreOf(machine: MachineRecord, load: Load = emptyLoad): Score {
  return {
    load: Math.max(share(load.memoryBytes, machine.capacity.memoryBytes), share(load.cpus, machine.capacity.cpus)),
    units: load.units,
  };
}

/** A rounded share, so that sums of fractions in another order rank the same. */
function share(reserved: number, capacity: number | undefined): number {
  return capacity ? Math.round((1000 * reserved) / capacity) / 1000 : 0;
}

export interface Ranked {
  machine: MachineRecord;
  score: Score;
}

/**
 * The ready machines, best first: a binary heap, so that taking the best and giving it back after a placement costs the
 * logarithm of their number.
 */
export class Ranking {
  readonly #heap: Ranked[] = [];
  readonly #state: ClusterState;

  constructor(state: ClusterState) {
    this.#state = state;
    for (const machine of state.machines.values()) if (machine.state === 'ready') this.put(machine);
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Enters a machine with the load that it has now. */
  put(machine: MachineRecord): void {
    this.#heap.push({ machine, score: scoreOf(machine, this.#state.loads.get(machine.machine)) });
    this.#up(this.#heap.length - 1);
  }

  /** Takes the best machine out. */
  take(): Ranked | undefined {
    const best = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && last !== best) {
      this.#heap[0] = last;
      this.#down(0);
    }
    return best;
  }

  #up(index: number): void {
    for (let child = index; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#swapIfBefore(child, parent)) return;
      child = parent;
    }
  }

  #down(index: number): void {
    for (let parent = index; ; ) {
      const left = 2 * parent + 1;
      const best = this.#before(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfBefore(best, parent)) return;
      parent = best;
    }
  }

  #swapIfBefore(a: number, b: number): boolean {
    if (!this.#before(a, b)) return false;
    const [x, y] = [this.#heap[a], this.#heap[b]];
    if (x === undefined || y === undefined) return false;
    this.#heap[a] = y;
    this.#heap[b] = x;
    return true;
  }

  #before(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a], this.#heap[b]];
    return x !== undefined && (y === undefined || compareRanked(x, y) < 0);
  }
}

export function compareRanked(a: Ranked, b: Ranked): number {
  return (
    a.score.load - b.score.load ||
    a.score.units - b.score.units ||
    (a.machine.machine < b.machine.machine ? -1 : a.machine.machine > b.machine.machine ? 1 : 0)
  );
}
