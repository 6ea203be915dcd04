/**
 * One life of an actor's process, from its start to its death: what it waits for comes only while it lives. A process
 * that is killed does nothing more, not even fail; one that is stopped does everything later.
 */
import type { Clock } from '../../shared/clock/clock.ts';

export class Life {
  readonly clock: Clock;
  /** Resolves at its death. */
  readonly over: Promise<void>;
  readonly #onError: (error: unknown) => void;
  #tellOver: () => void = () => undefined;
  #isOver = false;
  #isPaused = false;
  #held: (() => void)[] = [];

  /** @param onError told of what is thrown in a callback, which would be the end of a real process. */
  constructor(clock: Clock, onError: (error: unknown) => void) {
    this.#onError = onError;
    this.over = new Promise((resolve) => {
      this.#tellOver = resolve;
    });
    this.clock = {
      now: () => clock.now(),
      monotonicNow: () => clock.monotonicNow(),
      setTimeout: (callback, ms) => clock.setTimeout(() => this.run(callback), ms),
      clearTimeout: (id) => clock.clearTimeout(id),
      nextTurn: () => new Promise((resolve) => clock.nextTurn().then(() => this.run(resolve))),
    };
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Death: nothing of it runs any more. */
  end(): void {
    this.#isOver = true;
    this.#held = [];
    this.#tellOver();
  }

  pause(): void {
    this.#isPaused = true;
  }

  /** What came meanwhile is done in its order, at once; what each of it leads to comes before the next. */
  async resume(): Promise<void> {
    this.#isPaused = false;
    while (!this.#isPaused) {
      const step = this.#held.shift();
      if (!step) return;
      this.#do(step);
      for (let left = mostReactions; left > 0; left--) await null;
    }
  }

  /** Does a step of the process: now, when it is resumed, or never. */
  run(step: () => void): void {
    if (this.#isOver) return;
    if (this.#isPaused || this.#held.length > 0) this.#held.push(step);
    else this.#do(step);
  }

  #do(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#onError(error);
    }
  }

  /** What comes from outside, as the process gets it. */
  settle<T>(outside: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      outside.then(
        (value) => this.run(() => resolve(value)),
        (error) => this.run(() => reject(error)),
      );
    });
  }
}

/** Promises that wait for each other, one after the other, until nothing is left to do but wait. */
const mostReactions = 30;

/** What the dead wait for. */
export function never<T>(): Promise<T> {
  return new Promise(() => undefined);
}

/** The clocks of an actor's machine: they may be wrong, and drift, whatever process runs there. */
export class LocalClock implements Clock {
  readonly #clock: Clock;
  #jumpMs = 0;
  #rate = 1;
  /** Where it was when its rate last changed. */
  #since: { trueMs: number; localMs: number };

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = { trueMs: clock.monotonicNow(), localMs: clock.monotonicNow() };
  }

  jump(byMs: number): void {
    this.#jumpMs += byMs;
  }

  /** 1: as true time. */
  setRate(rate: number): void {
    this.#since = { trueMs: this.#clock.monotonicNow(), localMs: this.monotonicNow() };
    this.#rate = rate;
  }

  now(): number {
    const driftMs = this.monotonicNow() - this.#clock.monotonicNow();
    return Math.floor(this.#clock.now() + driftMs) + this.#jumpMs;
  }

  monotonicNow(): number {
    const { trueMs, localMs } = this.#since;
    return localMs + (this.#clock.monotonicNow() - trueMs) * this.#rate;
  }

  nextTurn(): Promise<void> {
    return this.#clock.nextTurn();
  }

  setTimeout(callback: () => void, delayMs: number): unknown {
    return this.#clock.setTimeout(callback, delayMs / this.#rate);
  }

  clearTimeout(id: unknown): void {
    this.#clock.clearTimeout(id);
  }
}
