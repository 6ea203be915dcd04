import type { Heartbeat } from '../../../shared/protocol/node.ts';

/** Whoever promises to be back is waited for at most so long, ms. */
const mostRestartMs = 30_000;
/** Answers that take no longer than this are prompt, ms. */
const promptMs = 100;
/** Of the time that an answer takes more, a lost packet costs several, in each direction. */
const slowness = 3;
const mostSlownessMs = 6_000;

/**
 * How much longer than the timeout a machine may be silent after this heartbeat, ms: on slow links, and while its agent
 * makes room for the next one. On links that are prompt, a machine that dies is found as soon as ever.
 */
export function allowanceOf({ answeredInMs = 0, backWithinMs = 0 }: Heartbeat): number {
  const slowMs = Math.min(slowness * Math.max(0, answeredInMs - promptMs), mostSlownessMs);
  return Math.max(slowMs, Math.min(backWithinMs, mostRestartMs));
}

/** When each machine was last heard of by this leader: only in memory, since it means nothing to the next one. */
export class Liveness {
  readonly #heardAt = new Map<string, number>();
  readonly #allowances = new Map<string, number>();

  /**
   * A heartbeat, or the start of a fresh full timeout, at `now` (monotonic ms).
   * @param allowanceMs from then on it may be silent for so much longer than the timeout.
   */
  heard(machine: string, now: number, allowanceMs = 0): void {
    this.#heardAt.set(machine, now);
    if (allowanceMs > 0) this.#allowances.set(machine, allowanceMs);
    else this.#allowances.delete(machine);
  }

  forget(machine: string): void {
    this.#heardAt.delete(machine);
    this.#allowances.delete(machine);
  }

  /** {@link allowanceOf} of what was heard last, ms. */
  allowance(machine: string): number {
    return this.#allowances.get(machine) ?? 0;
  }

  /** Ms since the machine was heard; a machine never heard of counts from now on. */
  silence(machine: string, now: number): number {
    const heardAt = this.#heardAt.get(machine);
    if (heardAt === undefined) this.heard(machine, now);
    return heardAt === undefined ? 0 : now - heardAt;
  }

  /** Everybody gets a fresh full timeout: after an election or a lost connection the silence was ours, not theirs. */
  pardonAll(now: number): void {
    for (const machine of this.#heardAt.keys()) this.#heardAt.set(machine, now);
  }
}

/** The machines that have been silent for longer than the timeout, with how long (ms). */
export function overdue(
  liveness: Liveness,
  machines: Iterable<string>,
  now: number,
  timeoutMs: number,
): { machine: string; silentMs: number }[] {
  const found: { machine: string; silentMs: number }[] = [];
  for (const machine of machines) {
    const silentMs = liveness.silence(machine, now);
    if (silentMs > timeoutMs + liveness.allowance(machine)) found.push({ machine, silentMs });
  }
  return found;
}
