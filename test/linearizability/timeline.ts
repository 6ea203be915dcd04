import type { Operation } from './history.ts';

/** An operation's call or its answer, in a list from which both are taken when it gets its place in the order. */
export interface Entry<Input, Output> {
  readonly operation: Operation<Input, Output>;
  readonly kind: 'call' | 'answer';
  /** Of a call: its answer; null where none came. */
  readonly answer: Entry<Input, Output> | null;
  /** In the order of the calls, those with an answer and those without counted apart. */
  readonly number: number;
  next: Entry<Input, Output> | null;
  previous: Entry<Input, Output> | null;
}

/** The operations that have no place yet, in the order of time. */
export class Timeline<Input, Output> {
  #first: Entry<Input, Output> | null = null;
  /** By number: whether an answered operation is taken. */
  readonly #taken: boolean[] = [];
  #takenCount = 0;
  /** All answered operations with a lower number are taken. */
  #low = 0;
  /** Numbers of the taken ones that have no answer. */
  readonly #takenUnanswered = new Set<number>();

  constructor(operations: readonly Operation<Input, Output>[]) {
    let unanswered = 0;
    const entries = [...operations]
      .sort((a, b) => a.call - b.call)
      .flatMap((operation) =>
        operation.outcome ? pair(operation, this.#taken.push(false) - 1) : [single(operation, unanswered++)],
      );
    // At the same moment calls come first: such operations overlap.
    entries.sort((a, b) => timeOf(a) - timeOf(b) || Number(a.kind === 'answer') - Number(b.kind === 'answer'));
    let previous: Entry<Input, Output> | null = null;
    for (const entry of entries) {
      entry.previous = previous;
      this.#insert(entry);
      previous = entry;
    }
  }

  get first(): Entry<Input, Output> | null {
    return this.#first;
  }

  /** How many answered operations are still here. */
  get open(): number {
    return this.#taken.length - this.#takenCount;
  }

  /** Takes an operation out, its answer too. */
  take(call: Entry<Input, Output>): void {
    this.#remove(call);
    if (call.answer === null) {
      this.#takenUnanswered.add(call.number);
      return;
    }
    this.#remove(call.answer);
    this.#taken[call.number] = true;
    this.#takenCount++;
    while (this.#taken[this.#low]) this.#low++;
  }

  /** Undoes {@link take}; what was taken last goes back first. */
  putBack(call: Entry<Input, Output>): void {
    if (call.answer === null) {
      this.#takenUnanswered.delete(call.number);
    } else {
      this.#insert(call.answer);
      this.#taken[call.number] = false;
      this.#takenCount--;
      this.#low = Math.min(this.#low, call.number);
    }
    this.#insert(call);
  }

  /** Equal whenever the same operations are taken. Its length follows how many overlap, not how many there are. */
  takenKey(): string {
    const above: number[] = [];
    for (let number = this.#low + 1; this.#low + above.length < this.#takenCount; number++) {
      if (this.#taken[number]) above.push(number);
    }
    const unanswered = [...this.#takenUnanswered].sort((a, b) => a - b);
    return `${this.#low}+${above.join()}?${unanswered.join()}`;
  }

  /** What may come next: everything called before the first answer. */
  candidates(): Operation<Input, Output>[] {
    const found: Operation<Input, Output>[] = [];
    for (let entry = this.#first; entry?.kind === 'call'; entry = entry.next) found.push(entry.operation);
    return found;
  }

  #remove({ previous, next }: Entry<Input, Output>): void {
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
  }

  /** To where it was: between the neighbours that it remembers. */
  #insert(entry: Entry<Input, Output>): void {
    if (entry.previous) entry.previous.next = entry;
    else this.#first = entry;
    if (entry.next) entry.next.previous = entry;
  }
}

function single<I, O>(operation: Operation<I, O>, number: number): Entry<I, O> {
  return { operation, kind: 'call', answer: null, number, next: null, previous: null };
}

function pair<I, O>(operation: Operation<I, O>, number: number): Entry<I, O>[] {
  const answer: Entry<I, O> = { operation, kind: 'answer', answer: null, number, next: null, previous: null };
  return [{ operation, kind: 'call', answer, number, next: null, previous: null }, answer];
}

function timeOf({ kind, operation }: Entry<unknown, unknown>): number {
  return kind === 'call' ? operation.call : (operation.outcome?.at ?? Number.POSITIVE_INFINITY);
}
