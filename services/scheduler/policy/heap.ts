/** A binary heap, the least by `compare` first. */
export class Heap<T> {
  readonly #items: T[] = [];
  readonly #compare: (a: T, b: T) => number;
  readonly #onMoved: (item: T, index: number) => void;

  /** `onMoved` is told where each item is, whenever that changes. */
  constructor(compare: (a: T, b: T) => number, onMoved: (item: T, index: number) => void = () => {}) {
    this.#compare = compare;
    this.#onMoved = onMoved;
  }

  get size(): number {
    return this.#items.length;
  }

  get least(): T | undefined {
    return this.#items[0];
  }

  /** The item at an index. None of those at twice the index and one, and two, is less than it. */
  at(index: number): T | undefined {
    return this.#items[index];
  }

  put(item: T): void {
    this.#items.push(item);
    this.#up(item, this.#items.length - 1);
  }

  take(): T | undefined {
    return this.removeAt(0);
  }

  removeAt(index: number): T | undefined {
    const removed = this.#items[index];
    if (removed === undefined) return undefined;
    const last = this.#items.pop();
    if (last !== undefined && index < this.#items.length) this.#up(last, this.#down(last, index));
    return removed;
  }

  #set(item: T, index: number): number {
    this.#items[index] = item;
    this.#onMoved(item, index);
    return index;
  }

  #up(item: T, from: number): number {
    let index = from;
    while (index > 0) {
      const parent = this.#items[(index - 1) >> 1];
      if (parent === undefined || this.#compare(parent, item) <= 0) break;
      index = (this.#set(parent, index) - 1) >> 1;
    }
    return this.#set(item, index);
  }

  #down(item: T, from: number): number {
    let index = from;
    for (;;) {
      const [left, right] = [this.#items[2 * index + 1], this.#items[2 * index + 2]];
      if (left === undefined) break;
      const isRight = right !== undefined && this.#compare(right, left) < 0;
      const child = isRight ? right : left;
      if (this.#compare(item, child) <= 0) break;
      this.#set(child, index);
      index = 2 * index + (isRight ? 2 : 1);
    }
    return this.#set(item, index);
  }
}
