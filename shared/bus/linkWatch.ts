/** Gives up a NATS server that no longer answers, long before TCP or missed pings would. */
import type { NatsConnection } from '@nats-io/transport-node';
import { type Clock, delay } from '../clock/clock.ts';
import { LinkedController } from '../clock/linkedController.ts';

/** The part of a connection that is watched, and what is done to it. */
export type WatchedConnection = Pick<NatsConnection, 'flush' | 'reconnect' | 'stats' | 'isClosed'>;

export interface LinkWatchOptions {
  clock: Clock;
  /** How often the server was connected to so far: an answer of an earlier connection is none. */
  generation: () => number;
  signal: AbortSignal;
}

const pauseMs = 250;
/**
 * A machine that others have not heard of for two seconds is lost, and its heartbeats come every half second: so what
 * hangs has to be left early enough for the next heartbeat to go another way.
 */
const leastPatienceMs = 700;
/** A link that is slow by nature is given this many of its usual round trips. */
const patienceInRoundTrips = 4;
/** What each answer adds to what is usual. */
const weight = 1 / 8;
/** A time-out that comes this much too late says that this process was paused, and nothing of the server. */
const pausedMs = 250;

/** Asks the server again and again whether it is there, until `signal` aborts, and reconnects when it does not answer. */
export async function watchLink(connection: WatchedConnection, options: LinkWatchOptions): Promise<void> {
  const { clock, generation, signal } = options;
  for (let usualMs = 0; !signal.aborted && !connection.isClosed(); ) {
    const [asked, bytes, sentAt] = [generation(), connection.stats().inBytes, clock.monotonicNow()];
    const patienceMs = Math.max(leastPatienceMs, patienceInRoundTrips * usualMs);
    const answered = await isAnswered(connection, { ...options, patienceMs });
    const tookMs = clock.monotonicNow() - sentAt;
    if (answered) {
      usualMs += (tookMs - usualMs) * weight;
      await delay(clock, pauseMs, signal);
    } else if (isDead() && !signal.aborted) {
      // It may be closing: then there is nothing to leave.
      await connection.reconnect().catch(() => undefined);
      await delay(clock, pauseMs, signal);
    }

    /** Something else came in meanwhile, we were away ourselves, or it is another connection by now: then it is not. */
    function isDead(): boolean {
      return tookMs < patienceMs + pausedMs && connection.stats().inBytes === bytes && generation() === asked;
    }
  }
}

async function isAnswered(
  connection: WatchedConnection,
  { clock, signal, patienceMs }: LinkWatchOptions & { patienceMs: number },
): Promise<boolean> {
  const over = new LinkedController(signal);
  const late = delay(clock, patienceMs, over.signal).then(() => false);
  // A connection that breaks answers nothing; it reconnects by itself.
  const answer = connection.flush().then(
    () => true,
    () => late,
  );
  const answered = await Promise.race([answer, late]);
  over.abort();
  return answered;
}
