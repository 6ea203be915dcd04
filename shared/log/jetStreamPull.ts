/**
 * The messages of one consumer, asked for in large batches. It ends as soon as anything looks wrong: a lost connection,
 * a missing heartbeat, a hole in the consumer's own numbering.
 * Reference: https://docs.nats.io/reference/reference-protocols/nats_api_reference
 */
import { createInbox, type Msg, type Subscription } from '@nats-io/transport-node';
import type { NatsLink } from '../bus/natsConnection.ts';
import type { Clock } from '../clock/clock.ts';
import type { LogRecord } from './eventLog.ts';
import { DeliveredRecord, parseAckSubject } from './jetStreamRecord.ts';

export interface PullSource {
  link: NatsLink;
  stream: string;
  clock: Clock;
}

export interface Pull {
  /** The messages that came since the last call, at least one; null when there will be no more. */
  take(): Promise<LogRecord[] | null>;
  close(): void;
}

const batchSize = 5_000;
/** The next batch is asked for when no more than this is waiting to be taken. */
const lowWater = 2_500;
const batchBytes = 16 * 1024 * 1024;
const expiresMs = 30_000;
const heartbeatMs = 1_000;
/** Two heartbeats missed, and some time for a busy process to read the second. */
const silenceMs = 2_500;
/** The server has no code of its own for it. */
const batchIsFull = 'message size exceeds maxbytes';
const status = { heartbeat: 100, timeout: 408, conflict: 409 };

/** Starts to read; ends at `signal`, too. */
export function openPull(source: PullSource, consumer: string, signal: AbortSignal): Pull {
  const pull = new ConsumerPull(source, consumer);
  const close = () => pull.close();
  signal.addEventListener('abort', close, { once: true });
  pull.onClose(() => signal.removeEventListener('abort', close));
  if (signal.aborted) pull.close();
  return pull;
}

class ConsumerPull implements Pull {
  readonly #source: PullSource;
  readonly #nextSubject: string;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #closers: (() => void)[] = [];
  #queue: LogRecord[] = [];
  #wake: (() => void) | null = null;
  /** Messages still to come of the batch that was asked for. */
  #asked = 0;
  /** Of the consumer's own numbering. */
  #lastDelivery = 0;
  #lastHeardMs: number;
  #watchdog: unknown;
  #closed = false;

  constructor(source: PullSource, consumer: string) {
    const { link, stream, clock } = source;
    this.#source = source;
    this.#nextSubject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    this.#lastHeardMs = clock.monotonicNow();
    this.#subscription = link.nc.subscribe(this.#inbox, {
      callback: (error, message) => (error ? this.close() : this.#receive(message)),
    });
    this.onClose(link.onConnectionChange(() => this.close()));
    this.#watch();
    this.#ask();
  }

  onClose(closer: () => void): void {
    this.#closers.push(closer);
  }

  async take(): Promise<LogRecord[] | null> {
    while (this.#queue.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const records = this.#queue;
    this.#queue = [];
    if (this.#asked === 0 && !this.#closed) this.#ask();
    return records.length === 0 ? null : records;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#source.clock.clearTimeout(this.#watchdog);
    this.#subscription.unsubscribe();
    for (const closer of this.#closers) closer();
    this.#wake?.();
  }

  #ask(): void {
    const { nc } = this.#source.link;
    this.#asked = batchSize;
    this.#lastHeardMs = this.#source.clock.monotonicNow();
    const request = {
      batch: batchSize,
      // One message must always fit, or the server would send none.
      max_bytes: Math.max(batchBytes, 2 * (nc.info?.max_payload ?? 0)),
      expires: expiresMs * 1_000_000,
      idle_heartbeat: heartbeatMs * 1_000_000,
    };
    nc.publish(this.#nextSubject, JSON.stringify(request), { reply: this.#inbox });
  }

  #receive(message: Msg): void {
    this.#lastHeardMs = this.#source.clock.monotonicNow();
    if (message.reply) this.#receiveRecord(message, message.reply);
    else this.#receiveStatus(message);
    if (this.#asked === 0 && this.#queue.length <= lowWater && !this.#closed) this.#ask();
  }

  #receiveRecord(message: Msg, reply: string): void {
    const { seq, delivery } = parseAckSubject(reply);
    if (delivery !== this.#lastDelivery + 1) {
      this.close();
      return;
    }
    this.#lastDelivery = delivery;
    this.#asked--;
    this.#queue.push(new DeliveredRecord(message, seq));
    this.#wake?.();
  }

  #receiveStatus({ headers }: Msg): void {
    switch (headers?.code) {
      case status.heartbeat:
        if (Number(headers.get('Nats-Last-Consumer')) > this.#lastDelivery) this.close();
        return;
      case status.timeout:
        this.#asked = 0;
        return;
      case status.conflict:
        // The end of a batch that reached its size is told that way, as is the end of the consumer.
        if (headers.description.toLowerCase() === batchIsFull) this.#asked = 0;
        else this.close();
        return;
      default:
        this.close();
    }
  }

  #watch(): void {
    const { clock } = this.#source;
    this.#watchdog = clock.setTimeout(() => {
      const silent = clock.monotonicNow() - this.#lastHeardMs > silenceMs;
      if (silent && this.#asked > 0) this.close();
      else this.#watch();
    }, heartbeatMs);
  }
}
