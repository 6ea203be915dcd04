import type { ClusterState } from '../../../shared/domain/clusterState.ts';
import type { Event } from '../../../shared/domain/events.ts';
import { type StateKey, stateKeys } from './entities.ts';

/** What tells of commits as they are folded, and knows all units. */
export interface StateListSource {
  onEvents(listener: (events: readonly Event[]) => void): void;
  readonly unitNames: readonly string[];
}

/**
 * Of which units machines report a state, in the order of the pages. It is kept until a report comes or goes: of a long
 * list a client asks for very many pages, and what the states *are* changes much more often than whose they are.
 */
export class StateList {
  readonly #source: StateListSource;
  #keys: StateKey[] | null = null;
  #known = new Set<string>();

  constructor(source: StateListSource) {
    this.#source = source;
    source.onEvents((events) => {
      if (this.#keys !== null && events.some((event) => this.#changes(event))) this.#keys = null;
    });
  }

  keys(state: ClusterState): readonly StateKey[] {
    if (this.#keys !== null) return this.#keys;
    const keys = stateKeys(state, this.#source.unitNames, {});
    this.#keys = keys;
    this.#known = new Set(keys.map(({ name, machine }) => keyOf(name, machine)));
    return keys;
  }

  #changes(event: Event): boolean {
    switch (event.type) {
      case 'NodeSynced':
      case 'UnitStateForgotten':
      case 'MachineLost':
      case 'MachineLeft':
      case 'MachineForgotten':
        return true;
      case 'UnitStateReported':
        return !this.#known.has(keyOf(event.unit, event.machine));
      default:
        return false;
    }
  }
}

function keyOf(unit: string, machine: string): string {
  return `${unit} ${machine}`;
}
