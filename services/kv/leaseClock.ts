import { type Clock, delay } from '../../shared/clock/clock.ts';
import type { KvCommand, KvEvent, LeaseId } from '../../shared/domain/kv.ts';
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
    this.#renewAll();
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
        if (this.#now - last > tickMs + blackoutMs) this.#renewAll();
        if (this.#due().length > 0) await this.#expireDue();
      }
    } finally {
      this.#stopListening();
    }
  }

  /** @throws {FencedError} this store does not lead (any more). */
  async #expireDue(): Promise<void> {
    const before = this.#now;
    await this.#options.prove();
    if (this.#now - before > blackoutMs) return this.#renewAll();
    for (const lease of this.#due()) {
      this.#deadlines.set(lease, Number.POSITIVE_INFINITY);
      void this.#options.expire(lease).then(() => this.#expired(lease));
    }
  }

  /** The log may have refused it (its disk is full, say): then it is due again, a while later. */
  #expired(lease: LeaseId): void {
    if (this.#deadlines.has(lease)) this.#deadlines.set(lease, this.#now + refusedRetryMs);
  }

  #due(): LeaseId[] {
    const now = this.#now;
    return [...this.#deadlines].filter(([, deadline]) => deadline <= now).map(([lease]) => lease);
  }

  #renewAll(): void {
    const now = this.#now;
    this.#deadlines.clear();
    for (const { lease, ttlS } of this.#options.projection.store.leases()) {
      this.#deadlines.set(lease, now + ttlS * 1000);
    }
  }

  #follow({ events }: Commit<KvEvent>): void {
    for (const event of events) {
      if (event.type === 'KvExecuted') for (const command of event.commands) this.#take(command);
    }
  }

  #take(command: KvCommand): void {
    switch (command.type) {
      case 'LeaseGrant':
        if (!this.#deadlines.has(command.lease)) this.renew(command.lease);
        return;
      case 'LeaseRevoke':
      case 'LeaseExpire':
        // A refused one has ended nothing.
        if (this.#options.projection.store.lease(command.lease) === null) this.#deadlines.delete(command.lease);
    }
  }

  get #now(): number {
    return this.#options.clock.monotonicNow();
  }
}
