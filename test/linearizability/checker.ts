/**
 * Is there an order of the operations, each at one moment between its call and its answer, in which a single store that
 * does one at a time would have given the same answers? The search is that of Wing and Gong ("Testing and Verifying
 * Concurrent Objects", 1993), which remembers where it has been as Lowe proposed ("Testing for Linearizability", 2017),
 * and looks at each part of the history alone.
 */
import type { History, Model, Operation } from './history.ts';
import { type Entry, Timeline } from './timeline.ts';

export interface Verdict<Input, Output> {
  /** Undecided: the search took more steps than it may. Whoever demands a linearizable history has not got one. */
  result: 'linearizable' | 'violation' | 'undecided';
  /** Of the model, over all parts. */
  steps: number;
  /** Of the first part that is not linearizable. */
  evidence: Evidence<Input, Output> | null;
}

export interface Evidence<Input, Output> {
  part: string;
  /** The longest order that was found. */
  order: Operation<Input, Output>[];
  /** What was to come next, and whose answers fit nowhere. */
  stuck: Operation<Input, Output>[];
}

const defaultMaxSteps = 5_000_000;

/** Judges a history. `maxSteps` bounds the search over all parts together. */
export function checkLinearizable<State extends object, Input, Output>(
  model: Model<State, Input, Output>,
  history: History<Input, Output>,
  { maxSteps = defaultMaxSteps }: { maxSteps?: number } = {},
): Verdict<Input, Output> {
  let steps = 0;
  for (const [part, operations] of partsOf(model, history)) {
    const search = new Search(model, operations);
    const result = search.run(maxSteps - steps);
    steps += search.steps;
    if (result !== 'linearizable') return { result, steps, evidence: search.evidence(part) };
  }
  return { result: 'linearizable', steps, evidence: null };
}

function partsOf<State extends object, Input, Output>(
  { partOf }: Model<State, Input, Output>,
  history: History<Input, Output>,
): Map<string, Operation<Input, Output>[]> {
  const parts = new Map<string, Operation<Input, Output>[]>();
  for (const operation of history) {
    const part = partOf?.(operation.input) ?? '';
    const operations = parts.get(part);
    if (operations) operations.push(operation);
    else parts.set(part, [operation]);
  }
  return parts;
}

/** Depth first, with a stack of its own: a history is longer than the call stack is deep. */
class Search<State extends object, Input, Output> {
  steps = 0;
  readonly #model: Model<State, Input, Output>;
  readonly #timeline: Timeline<Input, Output>;
  readonly #placed: { entry: Entry<Input, Output>; before: State }[] = [];
  readonly #seen = new Set<string>();
  #state: State;
  #best: Pick<Evidence<Input, Output>, 'order' | 'stuck'> = { order: [], stuck: [] };

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    this.#model = model;
    this.#state = model.initial;
    this.#timeline = new Timeline(operations);
  }

  run(maxSteps: number): Verdict<Input, Output>['result'] {
    let entry = this.#timeline.first;
    while (this.#timeline.open > 0) {
      if (entry?.kind === 'call') {
        if (this.steps >= maxSteps) return 'undecided';
        entry = this.#place(entry) ? this.#timeline.first : entry.next;
      } else {
        // An answer whose operation has no place: nothing that follows may come before it.
        this.#noteBest();
        const undone = this.#undo();
        if (undone === null) return 'violation';
        entry = undone.next;
      }
    }
    return 'linearizable';
  }

  evidence(part: string): Evidence<Input, Output> {
    return { part, ...this.#best };
  }

  /** Tries the operation as the next one; false where it does not fit, or is known to lead nowhere. */
  #place(entry: Entry<Input, Output>): boolean {
    this.steps++;
    const before = this.#state;
    const after = this.#model.step(before, entry.operation.input, entry.operation.outcome);
    if (after === null) return false;
    this.#timeline.take(entry);
    const here = `${this.#timeline.takenKey()} ${this.#model.keyOf(after)}`;
    if (this.#seen.has(here)) {
      this.#timeline.putBack(entry);
      return false;
    }
    this.#seen.add(here);
    this.#placed.push({ entry, before });
    this.#state = after;
    return true;
  }

  #undo(): Entry<Input, Output> | null {
    const last = this.#placed.pop();
    if (!last) return null;
    this.#state = last.before;
    this.#timeline.putBack(last.entry);
    return last.entry;
  }

  #noteBest(): void {
    if (this.#placed.length <= this.#best.order.length && this.#best.stuck.length > 0) return;
    this.#best = { order: this.#placed.map(({ entry }) => entry.operation), stuck: this.#timeline.candidates() };
  }
}
