import type { Clock } from '../../../shared/clock/clock.ts';

/** Longer than the 250 ms after which fleetctl looks for the first time, on a busy machine too. */
const lingerMs = 1_000;

/**
 * Units that were told to stop a moment ago. `fleetctl restart` tells a unit to stop, and then waits until it is
 * *launched*, which in fleet it still was when fleetctl looked for the first time; it would wait for ever otherwise.
 */
export class Lingering {
  readonly #clock: Clock;
  readonly #until = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(unit: string): void {
    const now = this.#clock.monotonicNow();
    for (const [name, until] of this.#until) if (until <= now) this.#until.delete(name);
    this.#until.set(unit, now + lingerMs);
  }

  end(unit: string): void {
    this.#until.delete(unit);
  }

  has(unit: string): boolean {
    return (this.#until.get(unit) ?? 0) > this.#clock.monotonicNow();
  }
}
