/** When each machine was last heard of by this leader: only in memory, since it means nothing to the next one. */
export class Liveness {
  readonly #heardAt = new Map<string, number>();

  /** A heartbeat, or the start of a fresh full timeout, at `now` (monotonic ms). */
  heard(machine: string, now: number): void {
    this.#heardAt.set(machine, now);
  }

  forget(machine: string): void {
    this.#heardAt.delete(machine);
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
  return [...machines]
    .map((machine) => ({ machine, silentMs: liveness.silence(machine, now) }))
    .filter(({ silentMs }) => silentMs > timeoutMs);
}
