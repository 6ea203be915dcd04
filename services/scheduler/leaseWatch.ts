import type { Clock } from '../../shared/clock/clock.ts';
import type { ClusterState, Lease } from '../../shared/domain/clusterState.ts';
import { leaseOverAt, leaseProofMs } from '../../shared/domain/lease.ts';
import type { Leader } from '../../shared/log/leaderActor.ts';

export interface LeaseWatchOptions {
  clock: Clock;
  state: () => ClusterState;
  leader: Pick<Leader, 'proveLeadership' | 'provenAt'>;
  /** Called again and again while there are {@link LeaseWatch.ended}. */
  onEnded: () => void;
}

/** A unit that certainly does not run on the machine any more. */
export interface EndedLease {
  unit: string;
  machine: string;
  reason: string;
}

const checkMs = 200;

/**
 * The leases of units with `OnDisconnect=stop`, as one leader sees them: when it may renew them, and when they are over.
 * It means nothing to the next leader, who counts anew from its own beginning: an older leader that does not know of it
 * yet may have answered machines until its last proof grew too old.
 */
export class LeaseWatch {
  readonly #options: LeaseWatchOptions;
  readonly #startedAt: number;
  /** When each machine was answered last, monotonic ms. */
  readonly #answeredAt = new Map<string, number>();
  /** Leases whose machine has said, having its newest assignment, that it has no such unit. */
  readonly #given = new Map<string, Lease>();
  #isProving = false;
  #timer: unknown;

  constructor(options: LeaseWatchOptions) {
    this.#options = options;
    this.#startedAt = options.clock.monotonicNow();
    this.#timer = options.clock.setTimeout(() => this.#check(), 0);
  }

  end(): void {
    this.#options.clock.clearTimeout(this.#timer);
  }

  /**
   * A heartbeat of the machine, which is being answered. True: the answer renews its leases.
   * @param held what it may have of units with leases; absent where its assignment is not the newest one.
   */
  heard(machine: string, held: readonly string[] | undefined): boolean {
    this.#noteHeld(machine, held);
    const now = this.#options.clock.monotonicNow();
    const { state } = this.#options;
    if (state().leasing.get(machine).size === 0) return false;
    this.#answeredAt.set(machine, now);
    return now - this.#options.leader.provenAt <= leaseProofMs;
  }

  /** Those that are over, as of now. */
  ended(): EndedLease[] {
    return [...this.#options.state().leases.entries()].flatMap(([unit, lease]) => {
      const reason = this.#whyEnded(unit, lease);
      return reason === null ? [] : [{ unit, machine: lease.machine, reason }];
    });
  }

  #whyEnded(unit: string, lease: Lease): string | null {
    const { clock, state } = this.#options;
    const { machine } = lease;
    if (state().machines.get(machine)?.state === 'ready') {
      return this.#given.get(unit) === lease ? 'the machine says that it is gone' : null;
    }
    const answeredAt = Math.max(this.#answeredAt.get(machine) ?? 0, this.#startedAt + leaseProofMs);
    if (clock.monotonicNow() < leaseOverAt(answeredAt, lease)) return null;
    const { graceMs, stopMs } = lease;
    return `its lease is over: a machine that is not answered stops it within ${(graceMs + stopMs) / 1000} s`;
  }

  #noteHeld(machine: string, held: readonly string[] | undefined): void {
    const { state, onEnded } = this.#options;
    if (held === undefined || state().leases.size === 0) return;
    for (const [unit, lease] of state().leases.entries()) {
      if (lease.machine !== machine || held.includes(unit)) continue;
      this.#given.set(unit, lease);
      onEnded();
    }
  }

  #check(): void {
    const { clock, state, onEnded } = this.#options;
    if (this.#needsProof()) void this.#prove();
    for (const unit of this.#given.keys()) if (!state().leases.has(unit)) this.#given.delete(unit);
    if (this.ended().length > 0) onEnded();
    this.#timer = clock.setTimeout(() => this.#check(), checkMs);
  }

  #needsProof(): boolean {
    const { machines, leasing } = this.#options.state();
    for (const { machine, state } of machines.values()) {
      if (state === 'ready' && leasing.get(machine).size > 0) return true;
    }
    return false;
  }

  /** Who does not lead any more finds out by itself, and who cannot prove it now renews nothing. */
  async #prove(): Promise<void> {
    if (this.#isProving) return;
    this.#isProving = true;
    try {
      await this.#options.leader.proveLeadership();
    } catch {
      // Nothing is renewed meanwhile.
    } finally {
      this.#isProving = false;
    }
  }
}
