import { promptAnswerMs } from '../../../shared/domain/promptAnswer.ts';
import type { Heartbeat } from '../../../shared/protocol/node.ts';

/** Whoever promises to be back, or is starting, is waited for at most so long, ms. */
const mostRestartMs = 30_000;
/** Of the time that an answer takes longer than a prompt one, a lost packet costs several, in each direction. */
const slowness = 3;
const mostSlownessMs = 6_000;

/**
 * How much longer than the timeout a machine may be silent on links on which an answer takes so long, ms. Where it is
 * prompt that is nothing: a machine that dies is found as soon as ever.
 */
export function slownessAllowance(answeredInMs: number): number {
  return Math.min(slowness * Math.max(0, answeredInMs - promptAnswerMs), mostSlownessMs);
}

/** A machine that has been silent for longer than it may be. */
export interface Silence {
  machine: string;
  silentMs: number;
  /** How much longer than the timeout it might have been silent, ms. */
  allowedMs: number;
  /** How long ago an agent began to start that has not joined since, ms; null: it is not that. */
  startingMs: number | null;
}

/** When each machine was last heard of by this scheduler, and what it said: only in memory, it means nothing to another one. */
export class Liveness {
  readonly #heardAt = new Map<string, number>();
  /** Since when each machine is heard of only by an agent that has not joined. */
  readonly #startingSince = new Map<string, number>();
  /** {@link slownessAllowance} of each machine that has sent a heartbeat since it joined. */
  readonly #slowMs = new Map<string, number>();
  /** By machine: the agent that has said that it makes room for the next one. */
  readonly #leaving = new Map<string, { session: string; backWithinMs: number }>();

  /** A heartbeat, or without one the start of a fresh full timeout, at `now` (monotonic ms). */
  heard(machine: string, now: number, heartbeat?: Heartbeat): void {
    if (!heartbeat) this.forget(machine);
    this.#heardAt.set(machine, now);
    this.#startingSince.delete(machine);
    if (heartbeat) this.#noteWords(machine, heartbeat);
  }

  /** An agent is about to take up the machine's units: they are there, but one that never gets so far is not waited for. */
  heardStarting(machine: string, now: number): void {
    const since = this.#startingSince.get(machine) ?? now;
    this.#startingSince.set(machine, since);
    this.#leaving.delete(machine);
    if (now - since < mostRestartMs) this.#heardAt.set(machine, now);
  }

  /** Agents that are about to join could not, while nobody led: they have as much time again. */
  countStartsAnew(now: number): void {
    for (const machine of this.#startingSince.keys()) {
      this.#startingSince.set(machine, now);
      this.#heardAt.set(machine, now);
    }
  }

  forget(machine: string): void {
    for (const known of [this.#heardAt, this.#startingSince, this.#slowMs, this.#leaving]) known.delete(machine);
  }

  /** Everybody gets a fresh full timeout: after a pause or a lost connection the silence was ours, not theirs. */
  pardonAll(now: number): void {
    for (const machine of this.#heardAt.keys()) this.#heardAt.set(machine, now);
  }

  /**
   * Those of the machines that have been silent for longer than the timeout and what each of them is allowed beyond it.
   * @param leastAllowedMs what everybody is allowed.
   */
  overdue(machines: Iterable<string>, now: number, timeoutMs: number, leastAllowedMs = 0): Silence[] {
    const found: Silence[] = [];
    for (const machine of machines) {
      const silentMs = this.#silence(machine, now);
      if (silentMs <= timeoutMs) continue;
      const allowedMs = Math.max(leastAllowedMs, this.#allowance(machine));
      const since = this.#startingSince.get(machine);
      const startingMs = since === undefined ? null : now - since;
      if (silentMs > timeoutMs + allowedMs) found.push({ machine, silentMs, allowedMs, startingMs });
    }
    return found;
  }

  /** One that has not said how slow its links are may have the slowest of all. */
  #allowance(machine: string): number {
    const slowMs = this.#slowMs.get(machine) ?? [...this.#slowMs.values()].reduce((a, b) => Math.max(a, b), 0);
    const backWithinMs = this.#leaving.get(machine)?.backWithinMs ?? 0;
    return Math.max(slowMs, Math.min(backWithinMs, mostRestartMs));
  }

  /** A machine never heard of counts from now on. */
  #silence(machine: string, now: number): number {
    const heardAt = this.#heardAt.get(machine);
    if (heardAt === undefined) this.heard(machine, now);
    return heardAt === undefined ? 0 : now - heardAt;
  }

  #noteWords(machine: string, { session, answeredInMs = 0, backWithinMs }: Heartbeat): void {
    this.#slowMs.set(machine, slownessAllowance(answeredInMs));
    // An agent does not take that back: a heartbeat that does not say so was overtaken by the one that did.
    if (backWithinMs !== undefined) this.#leaving.set(machine, { session, backWithinMs });
    else if (this.#leaving.get(machine)?.session !== session) this.#leaving.delete(machine);
  }
}
