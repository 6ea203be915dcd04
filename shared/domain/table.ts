/**
 * Maps that can be drafted. A draft reads through to what it was made of and keeps its own changes to itself, so that a
 * decision can be tried on a copy that costs nothing, and the folded state is never touched by what is not on the log.
 */
export class Table<V> {
  readonly #base: Table<V> | null;
  readonly #own = new Map<string, V>();
  readonly #deleted = new Set<string>();
  #noted: Set<string>[] = [];
  #size: number;

  constructor(base: Table<V> | null = null) {
    this.#base = base;
    this.#size = base?.size ?? 0;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const own = this.#own.get(key);
    if (own !== undefined || this.#base === null) return own;
    return this.#deleted.size > 0 && this.#deleted.has(key) ? undefined : this.#base.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  set(key: string, value: V): void {
    if (!this.has(key)) this.#size++;
    this.#own.set(key, value);
    for (const noted of this.#noted) noted.add(key);
  }

  delete(key: string): void {
    if (!this.has(key)) return;
    this.#size--;
    this.#own.delete(key);
    if (this.#base !== null) this.#deleted.add(key);
    for (const noted of this.#noted) noted.add(key);
  }

  /** In the order of insertion, as a `Map`; a draft in the same order as if what it was made of had been changed. */
  entries(): IterableIterator<[string, V]> {
    return this.#base === null ? this.#own.entries() : this.#changedEntries(this.#base);
  }

  keys(): IterableIterator<string> {
    return this.#base === null ? this.#own.keys() : this.#changedKeys();
  }

  values(): IterableIterator<V> {
    return this.#base === null ? this.#own.values() : this.#changedValues();
  }

  *#changedEntries(base: Table<V>): IterableIterator<[string, V]> {
    for (const [key, value] of base.entries()) {
      if (!this.#deleted.has(key)) yield [key, this.#own.get(key) ?? value];
    }
    for (const entry of this.#own) {
      if (this.#deleted.has(entry[0]) || !base.has(entry[0])) yield entry;
    }
  }

  *#changedKeys(): IterableIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *#changedValues(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  draft(): Table<V> {
    return new Table(this);
  }

  /** What drafts, and drafts of drafts, were made of. */
  get root(): Table<V> {
    return this.#base?.root ?? this;
  }

  /** The keys that were set or deleted between the root and this draft. */
  *changed(): IterableIterator<string> {
    if (this.#base === null) return;
    yield* this.#base.changed();
    yield* this.#own.keys();
    yield* this.#deleted;
  }

  /** Keys that change from now on are put into the set, for who keeps what it has derived from the table. */
  noteChanges(): Set<string> {
    const noted = new Set<string>();
    this.#noted.push(noted);
    return noted;
  }
}

const none: ReadonlySet<string> = new Set();

/** Sets of names by key, that can be drafted: a draft copies a set when it first changes it. */
export class Index {
  readonly #base: Index | null;
  readonly #own = new Map<string, Set<string>>();

  constructor(base: Index | null = null) {
    this.#base = base;
  }

  get(key: string): ReadonlySet<string> {
    return this.#own.get(key) ?? this.#base?.get(key) ?? none;
  }

  add(key: string, member: string): void {
    this.#writable(key).add(member);
  }

  remove(key: string, member: string): void {
    const set = this.#writable(key);
    set.delete(member);
    if (set.size === 0 && this.#base === null) this.#own.delete(key);
  }

  draft(): Index {
    return new Index(this);
  }

  #writable(key: string): Set<string> {
    let set = this.#own.get(key);
    if (set === undefined) {
      set = new Set(this.#base?.get(key));
      this.#own.set(key, set);
    }
    return set;
  }
}
