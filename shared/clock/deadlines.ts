import type { Clock } from './clock.ts';

const tickMs = 250;

/**
 * Limits how long thousands of short waits may take, for the price of an entry in a set: one timer looks after all of
 * them, so a wait that is too long ends up to a quarter of a second late.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #waits = new Set<{ deadline: number; giveUp: () => void }>();
  #isTicking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What `work` comes to, or `late` where that takes longer. */
  limit<T, L>(work: Promise<T>, timeoutMs: number, late: L): Promise<T | L> {
    return new Promise((resolve, reject) => {
      const wait = { deadline: this.#clock.monotonicNow() + timeoutMs, giveUp: () => resolve(late) };
      this.#waits.add(wait);
      if (!this.#isTicking) this.#tick();
      work.then(resolve, reject).finally(() => this.#waits.delete(wait));
    });
  }

  #tick(): void {
    this.#isTicking = this.#waits.size > 0;
    if (!this.#isTicking) return;
    const now = this.#clock.monotonicNow();
    for (const wait of this.#waits) {
      if (wait.deadline > now) continue;
      this.#waits.delete(wait);
      wait.giveUp();
    }
    this.#clock.setTimeout(() => this.#tick(), tickMs);
  }
}
