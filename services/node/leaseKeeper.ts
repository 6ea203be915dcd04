import type { Clock } from '../../shared/clock/clock.ts';
import { type LeaseTerms, leaseDeadlines } from '../../shared/domain/lease.ts';

/** What the keeper does to a unit whose lease runs out. */
export interface LeaseHolder {
  /** Of its unit file: with it, what runs can be found without its agent. */
  hash: string;
  terms: LeaseTerms;
  /** Stop: nobody has answered this machine for too long. */
  suspend(): void;
  /** Kill what still runs; called again and again while it may. */
  expel(): void;
  /** The machine is heard again, and the unit is still assigned to it. */
  resume(): void;
  /** Nothing of it runs, or can come to run by itself. */
  isStopped(): boolean;
}

const expelEveryMs = 500;

/**
 * The leases of this machine's units with `OnDisconnect=stop`: an answered heartbeat prolongs all of them, counted from
 * when it was *sent*, since the answer may have been on its way for long. A machine that nobody answers stops these
 * units, and kills what has not stopped in time, before the cluster may start them elsewhere.
 */
export class LeaseKeeper {
  readonly #clock: Clock;
  readonly #onChange: (keeper: LeaseKeeper) => void;
  readonly #onError: (error: unknown) => void;
  readonly #holders = new Map<string, LeaseHolder>();
  readonly #suspended = new Set<string>();
  /** Holders that could not be written down: nobody would kill them in the agent's place, so they may not run. */
  readonly #unrecorded = new Set<string>();
  #renewedAt: number;
  #timer: unknown = null;

  /**
   * @param options.renewedAt as an earlier agent of this machine left it, monotonic ms; −∞: nothing is known.
   * @param options.onChange told when the leases are renewed, or others hold them, before that has any effect; where it
   * throws, it has none.
   */
  constructor(options: {
    clock: Clock;
    renewedAt?: number;
    onChange?: (keeper: LeaseKeeper) => void;
    onError?: (error: unknown) => void;
  }) {
    this.#clock = options.clock;
    this.#renewedAt = options.renewedAt ?? Number.NEGATIVE_INFINITY;
    this.#onChange = options.onChange ?? (() => undefined);
    this.#onError = options.onError ?? (() => undefined);
  }

  /** When the heartbeat was sent that prolonged the leases last, monotonic ms. */
  get renewedAt(): number {
    return this.#renewedAt;
  }

  get holders(): ReadonlyMap<string, LeaseHolder> {
    return this.#holders;
  }

  /**
   * An answer to the heartbeat that was sent then prolongs the leases. While nobody holds one nothing is prolonged: the
   * next holder would run on what is about to end, and stop.
   */
  renew(sentAt: number): void {
    const before = this.#renewedAt;
    if (this.#holders.size === 0 || sentAt <= before) return;
    this.#renewedAt = sentAt;
    if (!this.#record()) this.#renewedAt = before;
    this.#review();
  }

  /** Whether a unit with such terms may run now. */
  mayRun(terms: LeaseTerms): boolean {
    return this.#clock.monotonicNow() < leaseDeadlines(this.#renewedAt, terms).stopAt;
  }

  add(unit: string, holder: LeaseHolder): void {
    this.#holders.set(unit, holder);
    this.#unrecorded.add(unit);
    this.#record();
    this.#review();
  }

  remove(unit: string): void {
    const had = this.#holders.delete(unit);
    this.#suspended.delete(unit);
    this.#unrecorded.delete(unit);
    if (this.#holders.size === 0) this.#renewedAt = Number.NEGATIVE_INFINITY;
    if (had) this.#record();
    this.#review();
  }

  close(): void {
    this.#clock.clearTimeout(this.#timer);
    this.#holders.clear();
  }

  #record(): boolean {
    try {
      this.#onChange(this);
      this.#unrecorded.clear();
      return true;
    } catch (error) {
      this.#onError(error);
      return false;
    }
  }

  /** Does what is due, and comes back when the next thing is. */
  #review(): void {
    this.#clock.clearTimeout(this.#timer);
    const now = this.#clock.monotonicNow();
    const next = Math.min(...[...this.#holders].map(([unit, holder]) => this.#reviewOne(unit, holder, now)));
    if (Number.isFinite(next)) this.#timer = this.#clock.setTimeout(() => this.#review(), Math.max(1, next - now));
  }

  /** When the unit is to be looked at again, monotonic ms. */
  #reviewOne(unit: string, holder: LeaseHolder, now: number): number {
    const { stopAt, killAt } = leaseDeadlines(this.#renewedAt, holder.terms);
    if (now < stopAt && !this.#unrecorded.has(unit)) {
      if (this.#suspended.delete(unit)) holder.resume();
      return stopAt;
    }
    if (!this.#suspended.has(unit)) {
      this.#suspended.add(unit);
      holder.suspend();
    }
    if (now < killAt) return killAt;
    if (holder.isStopped()) return Number.POSITIVE_INFINITY;
    holder.expel();
    return now + expelEveryMs;
  }
}
