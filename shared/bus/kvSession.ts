import { delay } from '../clock/clock.ts';
import type { LeaseId } from '../domain/kv.ts';
import { NoLeaderError } from './askPatiently.ts';
import type { KvAnswer, KvClient } from './kvClient.ts';

/** A lease that is kept alive for as long as the session lasts. Keys that are attached to it go with it. */
export interface KvSession {
  readonly lease: LeaseId;
  /** Aborts when the lease is, or may be, no more: what was held by it may be somebody else's from then on. */
  readonly lost: AbortSignal;
  /** Ends it at once: the lease is revoked, unless it is lost. */
  close(): Promise<void>;
  /** Stops keeping it alive; it ends when its time is over. */
  abandon(): void;
}

const retryMs = 1_000;
/** Of its time, for how long a lease is believed in. */
const certainPart = 0.9;

/** The lease was not renewed in time, or somebody has revoked it. */
export class LeaseLostError extends Error {
  override readonly name = 'LeaseLostError';
}

/**
 * Takes a lease and renews it by thirds of its time. It counts as lost when nine tenths of its time have passed since the
 * *sending* of the last renewal that was answered: the store, which counts from when that came, cannot have given it up
 * before, even if its clock runs a little faster.
 * @throws {NoLeaderError} no store answers.
 */
export async function openSession(client: KvClient, { ttlS }: { ttlS: number }): Promise<KvAnswer<KvSession>> {
  const { clock } = client.parts;
  const askedAt = clock.monotonicNow();
  const granted = await client.grant(ttlS);
  if (!granted.ok) return granted;
  const { lease, ttlS: grantedS } = granted.response;
  const renewal = new Renewal(client, lease, askedAt, grantedS * 1000);
  const session = {
    lease,
    lost: renewal.lost,
    abandon: () => renewal.stop(),
    close: async () => {
      renewal.stop();
      if (!renewal.lost.aborted) await client.revoke(lease);
    },
  };
  return { ok: true, revision: granted.revision, response: session };
}

class Renewal {
  readonly #client: KvClient;
  readonly #lease: LeaseId;
  readonly #ttlMs: number;
  readonly #lost = new AbortController();
  readonly #stopped = new AbortController();
  #timer: unknown = null;

  constructor(client: KvClient, lease: LeaseId, renewedAt: number, ttlMs: number) {
    this.#client = client;
    this.#lease = lease;
    this.#ttlMs = ttlMs;
    this.#hold(renewedAt);
    void this.#keepUp().catch((error) => this.#lose(error instanceof Error ? error.message : String(error)));
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  stop(): void {
    this.#stopped.abort();
    this.#client.parts.clock.clearTimeout(this.#timer);
  }

  /** It is certain to last for some time from that moment on. */
  #hold(sentAt: number): void {
    const { clock } = this.#client.parts;
    clock.clearTimeout(this.#timer);
    const leftMs = sentAt + this.#ttlMs * certainPart - clock.monotonicNow();
    this.#timer = clock.setTimeout(() => this.#lose('it could not be renewed in time'), leftMs);
  }

  #lose(reason: string): void {
    if (this.#stopped.signal.aborted) return;
    this.stop();
    this.#lost.abort(new LeaseLostError(`lease ${this.#lease} is lost: ${reason}`));
  }

  async #keepUp(): Promise<void> {
    const { clock } = this.#client.parts;
    const { signal } = this.#stopped;
    for (let waitMs = this.#ttlMs / 3; ; ) {
      await delay(clock, waitMs, signal);
      if (signal.aborted) return;
      const sentAt = clock.monotonicNow();
      const leftS = await this.#renew();
      if (signal.aborted) return;
      if (leftS === 0) return this.#lose('it is no more');
      if (leftS !== null) this.#hold(sentAt);
      waitMs = leftS === null ? Math.min(retryMs, this.#ttlMs / 3) : this.#ttlMs / 3;
    }
  }

  /** What it has from now on, s; 0: it is no more; null: nobody could say, and there may be time to ask again. */
  async #renew(): Promise<number | null> {
    try {
      const renewed = await this.#client.renew(this.#lease, this.#stopped.signal);
      return renewed.ok ? Math.max(0, renewed.response.ttlS) : null;
    } catch (error) {
      if (error instanceof NoLeaderError) return null;
      throw error;
    }
  }
}
