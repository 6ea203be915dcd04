/** Gives up a NATS server that no longer answers, long before TCP or missed pings would. */
import type { NatsConnection } from '@nats-io/transport-node';
import { type Clock, delay } from '../clock/clock.ts';

/** The part of a connection that is watched, and what is done to it. */
export type WatchedConnection = Pick<NatsConnection, 'flush' | 'reconnect' | 'stats' | 'isClosed'>;

export interface LinkWatchOptions {
  clock: Clock;
  /** How often the server was connected to so far: an answer of an earlier connection is none. */
  generation: () => number;
}

const pauseMs = 250;
/**
 * After this long without a sign of the server it is asked itself: whoever else was asked may be the one who is silent. As
 * long as from one heartbeat to the next: a timer for an earlier moment would wake up an idle node once more each time,
 * for nothing.
 */
const leastDoubtMs = 500;
/**
 * A machine that others have not heard of for two seconds is lost, and its heartbeats come every half second: so what
 * hangs has to be left early enough for the next heartbeat to go another way.
 */
const leastPatienceMs = 700;
/** A link that is slow by nature is given this many of its usual round trips before it is doubted, and before it is left. */
const roundTrips = { doubt: 2, patience: 4 };
/** What each answer adds to what is usual. */
const weight = 1 / 8;
/** A time-out that comes this much too late says that this process was paused, and nothing of the server. */
const pausedMs = 250;

/** Leaves a server from which nothing comes while something is waited for. As long as answers come it costs next to nothing. */
export class LinkWatch {
  readonly #connection: WatchedConnection;
  readonly #options: LinkWatchOptions;
  #usualMs = 0;
  #isWatching = false;

  constructor(connection: WatchedConnection, options: LinkWatchOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  /** Watches while `answer` is waited for, which was asked for just now. Resolves when it says nothing new any more; never rejects. */
  async waitFor(answer: Promise<unknown>): Promise<void> {
    answer.catch(() => undefined);
    // What is waited for already tells of the server soon enough.
    if (this.#isWatching) return;
    this.#isWatching = true;
    const isSilent = this.#listen();
    const doubtMs = Math.max(leastDoubtMs, roundTrips.doubt * this.#usualMs);
    const patienceMs = Math.max(leastPatienceMs, roundTrips.patience * this.#usualMs);
    const isDead =
      (await this.#isLate(answer, doubtMs)) &&
      isSilent(doubtMs) &&
      (await this.#isLate(this.#connection.flush(), patienceMs - doubtMs)) &&
      isSilent(patienceMs);
    if (isDead) await this.#connection.reconnect().catch(() => undefined);
    this.#isWatching = false;
  }

  /** Asks again and again, until `signal` aborts: for those who hear of others and ask for little themselves. */
  async keepAsking(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#connection.isClosed()) {
      await this.waitFor(this.#connection.flush());
      await delay(this.#options.clock, pauseMs, signal);
    }
  }

  /**
   * Whether nothing has come in since the call. Where this process was paused meanwhile, or the connection is another one
   * by now, that says nothing of the server.
   */
  #listen(): (forMs: number) => boolean {
    const { clock, generation } = this.#options;
    const [bytes, connectedTo, since] = [this.#connection.stats().inBytes, generation(), clock.monotonicNow()];
    return (forMs) =>
      this.#connection.stats().inBytes === bytes &&
      generation() === connectedTo &&
      clock.monotonicNow() - since < forMs + pausedMs &&
      !this.#connection.isClosed();
  }

  /** An answer that is refused is not late, nor one whose connection breaks: that comes back by itself. */
  #isLate(answer: Promise<unknown>, ms: number): Promise<boolean> {
    const { clock } = this.#options;
    const since = clock.monotonicNow();
    return new Promise((resolve) => {
      const late = clock.setTimeout(() => resolve(true), ms);
      const settle = () => {
        clock.clearTimeout(late);
        resolve(false);
      };
      const learn = () => {
        this.#usualMs += (clock.monotonicNow() - since - this.#usualMs) * weight;
      };
      answer.then(learn).then(settle, settle);
    });
  }
}
