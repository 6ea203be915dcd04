import { type Clock, delay } from '../../shared/clock/clock.ts';
import type { KvCommand, KvEvent, KvResult, LeaseId } from '../../shared/domain/kv.ts';
import { AppendRefusedError } from '../../shared/log/eventLog.ts';
import type { Commit } from '../../shared/protocol/commit.ts';
import type { KvProjection } from './projection.ts';

export interface LeaseClockOptions {
  projection: KvProjection;
  clock: Clock;
  /** Proves that this store leads, and with it that it has not been cut off: {@link KvCommitLoop.prove}. */
  prove: () => Promise<void>;
  /** Puts the end of a lease on the log; resolves once it is there, or was refused. */
  expire: (lease: LeaseId) => Promise<unknown>;
}

const tickMs = 200;
/** A look that comes so late, or a proof that takes so long, means that clients could not renew meanwhile. */
const blackoutMs = 1_000;
const refusedRetryMs = 1_000;

/**
 * When the leases end, as the leading store sees it; renewals are on no log. Each new leader gives every lease its whole
 * TTL again, and so does one that was itself paused or cut off: a blip of the store ends nobody's lease.
 */
export class LeaseClock {
  readonly #options: LeaseClockOptions;
  /** On the monotonic clock, ms. Infinity: its end is on its way to the log. */
  readonly #deadlines = new Map<LeaseId, number>();
  readonly #stopListening: () => void;

  constructor(options: LeaseClockOptions) {
    this.#options = options;
    this.renewAll();
    this.#stopListening = options.projection.onCommit((commit) => this.#follow(commit));
  }

  /** Seconds that it has from now on; 0: there is no such lease, or it is just ending. */
  renew(lease: LeaseId): number {
    const known = this.#options.projection.store.lease(lease);
    if (known === null || this.#deadlines.get(lease) === Number.POSITIVE_INFINITY) return 0;
    this.#deadlines.set(lease, this.#now + known.ttlS * 1000);
    return known.ttlS;
  }

  /** Seconds that it still has; −1: there is no such lease. */
  remaining(lease: LeaseId): number {
    const deadline = this.#deadlines.get(lease);
    if (deadline === undefined) return -1;
    return deadline === Number.POSITIVE_INFINITY ? 0 : Math.max(0, Math.round((deadline - this.#now) / 1000));
  }

  /** Runs until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      for (let last = this.#now; !signal.aborted; last = this.#now) {
        await delay(this.#options.clock, tickMs, signal);
        if (this.#now - last > tickMs + blackoutMs) this.renewAll();
        if (this.#due().length > 0) await this.#expireDue();
      }
    } finally {
      this.#stopListening();
    }
  }

  /** @throws {FencedError} this store does not lead (any more). */
  async #expireDue(): Promise<void> {
    const before = this.#now;
    if (!(await this.#proven())) return;
    if (this.#now - before > blackoutMs) return this.renewAll();
    for (const lease of this.#due()) {
      this.#deadlines.set(lease, Number.POSITIVE_INFINITY);
      void this.#options.expire(lease).then(() => this.#expired(lease));
    }
  }

  /** False: the log takes nothing now; it is looked again at the next tick. */
  async #proven(): Promise<boolean> {
    try {
      await this.#options.prove();
      return true;
    } catch (error) {
      if (error instanceof AppendRefusedError) return false;
      throw error;
    }
  }

  /** The log may have refused it (its disk is full, say): then it is due again, a while later. */
  #expired(lease: LeaseId): void {
    if (this.#deadlines.get(lease) === Number.POSITIVE_INFINITY) this.#deadlines.set(lease, this.#now + refusedRetryMs);
  }

  #due(): LeaseId[] {
    const now = this.#now;
    return [...this.#deadlines].filter(([, deadline]) => deadline <= now).map(([lease]) => lease);
  }

  /** All but those whose end is on its way to the log. */
  renewAll(): void {
    const now = this.#now;
    for (const { lease, ttlS } of this.#options.projection.store.leases()) {
      if (this.#deadlines.get(lease) !== Number.POSITIVE_INFINITY) this.#deadlines.set(lease, now + ttlS * 1000);
    }
  }

  #follow({ events }: Commit<KvEvent>): void {
    const { results } = this.#options.projection;
    for (const [index, event] of events.filter((event) => event.type === 'KvExecuted').entries()) {
      for (const [at, command] of event.commands.entries()) this.#take(command, results[index]?.[at]);
    }
  }

  /** A command that was refused has changed nothing. */
  #take(command: KvCommand, result: KvResult | undefined): void {
    if (!result?.ok) return;
    const { response } = result;
    if (response.type === 'LeaseGrant') this.#deadlines.set(response.lease, this.#now + response.ttlS * 1000);
    if (command.type === 'LeaseRevoke' || command.type === 'LeaseExpire') this.#deadlines.delete(command.lease);
  }

  get #now(): number {
    return this.#options.clock.monotonicNow();
  }
}
