/** How many instances of a template are placed where, by the value that their machines have for a metadata key. */
import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { templateOfName } from '../../../shared/domain/unitName.ts';

interface Counts {
  readonly byValue: Map<string, number>;
  all: number;
}

/** Counts each template once; whoever changes the state meanwhile says so ({@link Siblings.moved}). */
export class Siblings {
  readonly #state: ClusterState;
  readonly #counts = new Map<string, Map<string, Counts>>();

  constructor(state: ClusterState) {
    this.#state = state;
  }

  /** The other ones. `countIn` says how many are where machines have that value; undefined of a machine without the key. */
  beside(unit: UnitRecord, key: string): { countIn: (value: string | undefined) => number | undefined; all: number } {
    const { byValue, all } = this.#of(templateOfName(unit.name) ?? '', key);
    const own = Object.keys(unit.machines).map((machine) => this.#state.machines.get(machine)?.metadata[key]);
    // What is no instance of a template is not among those counted.
    const isCounted = templateOfName(unit.name) !== null;
    const ownIn = (value: string) => (isCounted ? own.filter((one) => one === value).length : 0);
    return {
      countIn: (value) => (value === undefined ? undefined : (byValue.get(value) ?? 0) - ownIn(value)),
      all: all - (isCounted ? own.length : 0),
    };
  }

  /** A unit has other machines than before. */
  moved(unit: string, from: readonly string[], to: readonly string[]): void {
    for (const [key, counts] of this.#counts.get(templateOfName(unit) ?? '') ?? []) {
      for (const machine of from) this.#add(counts, key, machine, -1);
      for (const machine of to) this.#add(counts, key, machine, 1);
    }
  }

  #of(template: string, key: string): Counts {
    const known = this.#counts.get(template)?.get(key);
    if (known) return known;
    const counts: Counts = { byValue: new Map(), all: 0 };
    for (const name of this.#state.instances.get(template)) {
      for (const machine of Object.keys(this.#state.units.get(name)?.machines ?? {}))
        this.#add(counts, key, machine, 1);
    }
    this.#counts.set(template, (this.#counts.get(template) ?? new Map<string, Counts>()).set(key, counts));
    return counts;
  }

  #add(counts: Counts, key: string, machine: string, change: 1 | -1): void {
    const value = this.#state.machines.get(machine)?.metadata[key];
    if (value !== undefined) counts.byValue.set(value, (counts.byValue.get(value) ?? 0) + change);
    counts.all += change;
  }
}
