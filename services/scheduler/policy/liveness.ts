import type { Heartbeat } from '../../../shared/protocol/node.ts';

/** Whoever promises to be back, or is starting, is waited for at most so long, ms. */
const mostRestartMs = 30_000;
/** Answers that take no longer than this are prompt, ms. */
const promptMs = 100;
/** Of the time that an answer takes more, a lost packet costs several, in each direction. */
const slowness = 3;
const mostSlownessMs = 6_000;

/**
 * How much longer than the timeout a machine may be silent on links on which an answer takes so long, ms. Where it is
 * prompt that is nothing: a machine that dies is found as soon as ever.
 */
export function slownessAllowance(answeredInMs: number): number {
  return Math.min(slowness * Math.max(0, answeredInMs - promptMs), mostSlownessMs);
}

/** A machine that has been silent for longer than it may be. */
export interface Silence {
  machine: string;
  silentMs: number;
  /** How much longer than the timeout it might have been silent, ms. */
  allowedMs: number;
}

/** When each machine was last heard of by this leader, and what it said: only in memory, it means nothing to the next one. */
export class Liveness {
  readonly #heardAt = new Map<string, number>();
  /** Since when each machine is heard of only by an agent that has not joined. */
  readonly #startingSince = new Map<string, number>();
  /** {@link slownessAllowance} of each machine that has sent this leader a heartbeat since it joined. */
  readonly #slownesses = new Map<string, number>();
  /** By machine: the agent that has said that it makes room for the next one. */
  readonly #leaving = new Map<string, { session: string; backWithinMs: number }>();

  /** A heartbeat, or without one the start of a fresh full timeout, at `now` (monotonic ms). */
  heard(machine: string, now: number, heartbeat?: Heartbeat): void {
    this.#heardAt.set(machine, now);
    this.#startingSince.delete(machine);
    if (!heartbeat) return this.#forgetWords(machine);
    const { session, backWithinMs, answeredInMs = 0 } = heartbeat;
    this.#slownesses.set(machine, slownessAllowance(answeredInMs));
    // An agent does not take that back: a heartbeat that does not say so was overtaken by the one that did.
    if (backWithinMs !== undefined) this.#leaving.set(machine, { session, backWithinMs });
    else if (this.#leaving.get(machine)?.session !== session) this.#leaving.delete(machine);
  }

  /** An agent is about to take up the machine's units: they are there, but one that never gets so far is not waited for. */
  heardStarting(machine: string, now: number): void {
    const since = this.#startingSince.get(machine) ?? now;
    this.#startingSince.set(machine, since);
    if (now - since < mostRestartMs) this.#heardAt.set(machine, now);
  }

  forget(machine: string): void {
    this.#heardAt.delete(machine);
    this.#startingSince.delete(machine);
    this.#forgetWords(machine);
  }

  /** Everybody gets a fresh full timeout: after an election or a lost connection the silence was ours, not theirs. */
  pardonAll(now: number): void {
    for (const machine of this.#heardAt.keys()) this.#heardAt.set(machine, now);
  }

  /** Those of the machines that have been silent for longer than the timeout and what each of them is allowed beyond it. */
  overdue(machines: Iterable<string>, now: number, timeoutMs: number): Silence[] {
    // One that has not said yet how slow its links are may have the slowest of all.
    const slowest = [...this.#slownesses.values()].reduce((most, allowedMs) => Math.max(most, allowedMs), 0);
    const found: Silence[] = [];
    for (const machine of machines) {
      const silentMs = this.#silence(machine, now);
      if (silentMs <= timeoutMs) continue;
      const backWithinMs = this.#leaving.get(machine)?.backWithinMs ?? 0;
      const allowedMs = Math.max(this.#slownesses.get(machine) ?? slowest, Math.min(backWithinMs, mostRestartMs));
      if (silentMs > timeoutMs + allowedMs) found.push({ machine, silentMs, allowedMs });
    }
    return found;
  }

  /** A machine never heard of counts from now on. */
  #silence(machine: string, now: number): number {
    const heardAt = this.#heardAt.get(machine);
    if (heardAt === undefined) this.heard(machine, now);
    return heardAt === undefined ? 0 : now - heardAt;
  }

  #forgetWords(machine: string): void {
    this.#slownesses.delete(machine);
    this.#leaving.delete(machine);
  }
}
