/** The ready machines in the order that most units share. */
import type { ClusterState, Load, MachineRecord } from '../../../shared/domain/clusterState.ts';
import type { Table } from '../../../shared/domain/table.ts';
import { Heap } from './heap.ts';
import { compareRanked, type Ranked, scoreOf } from './ranking.ts';

/**
 * The ready machines of a draft, best first, for one round: taking the best and giving it back after a placement costs the
 * logarithm of their number. A machine that is put again has its new load; its older entry is passed over. Those that
 * the draft has not touched stay where they are in the ranking of all rounds until they are looked at.
 */
export class Ranking {
  readonly #heap = new Heap<Ranked>(compareRanked);
  /** Of those that are not as in the ranking of all rounds; null: not to be taken. */
  readonly #current = new Map<string, Ranked | null>();
  readonly #others: Walk;
  readonly #state: ClusterState;

  constructor(state: ClusterState) {
    this.#state = state;
    this.#others = standingRanking(state).walk();
    for (const id of new Set([...state.machines.changed(), ...state.loads.changed()])) {
      const machine = state.machines.get(id);
      this.#current.set(id, null);
      if (machine?.state === 'ready') this.put(machine);
    }
  }

  /** Enters a machine with the load that it has now. */
  put(machine: MachineRecord): void {
    const ranked = { machine, score: scoreOf(machine, this.#state.loads.get(machine.machine)) };
    this.#current.set(machine.machine, ranked);
    this.#heap.put(ranked);
  }

  /** Takes the best machine out. */
  take(): Ranked | undefined {
    for (;;) {
      const [own, other] = [this.#heap.least, this.#others.next];
      const isOwn = own !== undefined && (other === undefined || compareRanked(own, other) < 0);
      const best = isOwn ? own : other;
      if (best === undefined) return undefined;
      const id = best.machine.machine;
      if (isOwn) this.#heap.take();
      else this.#others.advance();
      const isCurrent = isOwn ? this.#current.get(id) === best : !this.#current.has(id);
      if (!isCurrent) continue;
      this.#current.set(id, null);
      return best;
    }
  }
}

interface Entry {
  readonly ranked: Ranked;
  /** Where it is in the heap. */
  index: number;
}

const compareEntries = (a: Entry, b: Entry) => compareRanked(a.ranked, b.ranked);

/** Walks the machines, best first, without taking them out. It is good until what was folded changes. */
interface Walk {
  readonly next: Ranked | undefined;
  advance(): void;
}

const standing = new WeakMap<Table<MachineRecord>, StandingRanking>();

/** Of the state that this draft was made of. */
function standingRanking({ machines, loads }: ClusterState): StandingRanking {
  const known = standing.get(machines.root) ?? new StandingRanking(machines.root, loads.root);
  standing.set(machines.root, known);
  known.refresh();
  return known;
}

/** Those of the folded state, kept from one round to the next: only what has changed is ranked anew. */
class StandingRanking {
  readonly #heap = new Heap<Entry>(compareEntries, (entry, index) => {
    entry.index = index;
  });
  readonly #entries = new Map<string, Entry>();
  readonly #machines: Table<MachineRecord>;
  readonly #loads: Table<Load>;
  readonly #changed: readonly Set<string>[];

  constructor(machines: Table<MachineRecord>, loads: Table<Load>) {
    this.#machines = machines;
    this.#loads = loads;
    this.#changed = [machines.noteChanges(), loads.noteChanges()];
    for (const id of machines.keys()) this.#rank(id);
  }

  refresh(): void {
    for (const changed of this.#changed) {
      for (const id of changed) this.#rank(id);
      changed.clear();
    }
  }

  walk(): Walk {
    const heap = this.#heap;
    // The next one is among the children of those that were passed.
    const front = new Heap<Entry>(compareEntries);
    const look = (index: number) => {
      const entry = heap.at(index);
      if (entry) front.put(entry);
    };
    look(0);
    return {
      get next() {
        return front.least?.ranked;
      },
      advance() {
        const passed = front.take();
        if (!passed) return;
        look(2 * passed.index + 1);
        look(2 * passed.index + 2);
      },
    };
  }

  #rank(id: string): void {
    const known = this.#entries.get(id);
    if (known) this.#heap.removeAt(known.index);
    this.#entries.delete(id);
    const machine = this.#machines.get(id);
    if (machine?.state !== 'ready') return;
    const entry = { ranked: { machine, score: scoreOf(machine, this.#loads.get(id)) }, index: 0 };
    this.#entries.set(id, entry);
    this.#heap.put(entry);
  }
}
