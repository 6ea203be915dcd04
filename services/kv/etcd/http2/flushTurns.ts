/** What writes in one go what it has gathered. */
export interface Flushable {
  flush(): void;
}

/** Of those that wait, so many have their turn together. */
const shareOfATurn = 1 / 4;

/**
 * Whose turn it is to write to its socket. A commit answers many clients at once: were all of them written to in one go,
 * what the first ones ask next would wait for the last one's answer. So a part is written in each turn of the event loop.
 */
export class FlushTurns {
  readonly #waiting: Flushable[] = [];

  add(output: Flushable): void {
    if (this.#waiting.push(output) === 1) process.nextTick(() => this.#flushSome());
  }

  #flushSome(): void {
    // They stay in line until all of them are written to: whoever comes meanwhile has its turn later.
    const count = Math.ceil(this.#waiting.length * shareOfATurn);
    for (const output of this.#waiting.slice(0, count)) output.flush();
    this.#waiting.splice(0, count);
    if (this.#waiting.length > 0) setImmediate(() => this.#flushSome());
  }
}
