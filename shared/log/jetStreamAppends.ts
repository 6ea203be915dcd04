/**
 * Messages for a stream, and what JetStream answers to them. The client's own `publish` would do, but it makes an exception
 * with its stack for every answer that comes: of a small append that was a tenth of what it costs its writer.
 */
import { JetStreamApiError } from '@nats-io/jetstream';
import { createInbox, errors, headers, type Msg } from '@nats-io/transport-node';
import type { NatsLink } from '../bus/natsConnection.ts';
import type { Clock } from '../clock/clock.ts';
import { decodeJson } from '../protocol/json.ts';
import { ConnectionLostError } from './connectionLost.ts';
import type { EventLog } from './eventLog.ts';
import { idHeader } from './jetStreamRecord.ts';

export interface JetStreamAppendsOptions {
  link: NatsLink;
  stream: string;
  /** How long an append waits for its answer. */
  timeoutMs: number;
  clock: Clock;
}

type Append = Parameters<EventLog['append']>[0];
type ApiError = ConstructorParameters<typeof JetStreamApiError>[0];

interface Waiting {
  resolve: (ack: { seq: number }) => void;
  reject: (error: unknown) => void;
  timer: unknown;
}

/** The status of the answer that nobody listens: JetStream is not there, or not yet. */
const noResponders = 503;

export class JetStreamAppends {
  readonly #options: JetStreamAppendsOptions;
  readonly #inbox = createInbox();
  /** By the last token of the subject that is to be answered to. */
  readonly #waiting = new Map<string, Waiting>();
  #lastToken = 0;

  constructor(options: JetStreamAppendsOptions) {
    const { link } = options;
    this.#options = options;
    link.nc.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#receive(message);
      },
    });
    link.onConnectionChange(() => this.#loseAll());
  }

  /**
   * Sends at once; resolves when the message is stored.
   * @throws {JetStreamApiError} the server's own answer; anything else leaves it open whether the message is stored,
   *   but for {@link errors.InvalidArgumentError}: it was not sent.
   */
  send({ subject, id, data, expectedSeq }: Append): Promise<{ seq: number }> {
    const { link, stream, timeoutMs, clock } = this.#options;
    if (!link.connected) return Promise.reject(new ConnectionLostError('the connection to NATS is away'));
    const conditions = headers();
    conditions.set(idHeader, id);
    conditions.set('Nats-Expected-Stream', stream);
    conditions.set('Nats-Expected-Last-Subject-Sequence', String(expectedSeq));
    return new Promise((resolve, reject) => {
      const token = String(++this.#lastToken);
      link.nc.publish(subject, data, { reply: `${this.#inbox}.${token}`, headers: conditions });
      const timer = clock.setTimeout(() => this.#take(token)?.reject(new errors.TimeoutError()), timeoutMs);
      this.#waiting.set(token, { resolve, reject, timer });
    });
  }

  #receive(message: Msg): void {
    // Of an append that was given up, nobody hears the answer.
    const waiting = this.#take(message.subject.slice(this.#inbox.length + 1));
    if (waiting === undefined) return;
    try {
      waiting.resolve({ seq: readAck(message) });
    } catch (error) {
      waiting.reject(error);
    }
  }

  /** Nobody need wait for the time-out of an answer that will not come. */
  #loseAll(): void {
    for (const token of [...this.#waiting.keys()]) {
      this.#take(token)?.reject(new ConnectionLostError('the connection to NATS was lost'));
    }
  }

  #take(token: string): Waiting | undefined {
    const waiting = this.#waiting.get(token);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(token);
    this.#options.clock.clearTimeout(waiting.timer);
    return waiting;
  }
}

class NoJetStreamError extends Error {
  override readonly name = 'NoJetStreamError';
}

function readAck({ headers, data }: Msg): number {
  if (headers?.code === noResponders) throw new NoJetStreamError('JetStream is not there');
  const { error, seq } = decodeJson<{ error?: ApiError; seq?: number }>(data);
  if (error !== undefined) throw new JetStreamApiError(error);
  if (seq === undefined) throw new Error('JetStream answered without a sequence');
  return seq;
}
