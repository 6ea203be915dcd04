/**
 * Who has something to send over a stream that is not always ready for it: each in its turn, one piece at a time. `sendSome` is
 * called as long as the stream is ready and says that there may be more, never from within another call of this class.
 */
export class ReadyQueue<T> {
  readonly #items = new Set<T>();
  readonly #sendSome: () => boolean;
  #scheduled = false;
  #paused = false;
  #closed = false;

  constructor(sendSome: () => boolean) {
    this.#sendSome = sendSome;
  }

  /** Behind the others, unless it waits already. */
  add(item: T): void {
    this.#items.add(item);
    this.schedule();
  }

  /** It has something that is not sent yet. */
  has(item: T): boolean {
    return this.#items.has(item);
  }

  take(): T | undefined {
    const [item] = this.#items;
    if (item !== undefined) this.#items.delete(item);
    return item;
  }

  remove(item: T): void {
    this.#items.delete(item);
  }

  /** Nothing is sent for now: the stream is full. */
  get isPaused(): boolean {
    return this.#paused;
  }

  /** The stream is full. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.schedule();
  }

  /** Changes that are made in one go are sent in one go. */
  schedule(): void {
    if (this.#scheduled || this.#paused || this.#closed) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  close(): void {
    this.#closed = true;
    this.#items.clear();
  }

  #run(): void {
    while (!this.#paused && !this.#closed) if (!this.#sendSome()) return;
  }
}
