/** Messages of JetStream as records of the log. */
import type { StoredMsg } from '@nats-io/jetstream';
import type { Msg } from '@nats-io/transport-node';
import type { LogRecord } from './eventLog.ts';

/** The header that JetStream recognises a repeated message by. */
export const idHeader = 'Nats-Msg-Id';

/** Marks a message that a restore brought: the time that JetStream stored it says nothing of when it was written. */
export const restoredHeader = 'Flotilla-Restored';

/** One that was read by itself. */
export function storedRecord({ seq, subject, data, header }: StoredMsg): LogRecord {
  return { seq, subject, id: header.get(idHeader), data };
}

/** One that a consumer delivered. It reads its id only when asked: parsing headers costs more than all the rest. */
export class DeliveredRecord implements LogRecord {
  readonly seq: number;
  readonly #message: Msg;

  constructor(message: Msg, seq: number) {
    this.#message = message;
    this.seq = seq;
  }

  get subject(): string {
    return this.#message.subject;
  }

  get data(): Uint8Array {
    return this.#message.data;
  }

  get id(): string {
    return this.#message.headers?.get(idHeader) ?? '';
  }
}

/**
 * Reads the reply subject of a delivered message:
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>`, or, from a server with a
 * domain, `$JS.ACK.<domain>.<account>.<stream>.…`.
 */
export function parseAckSubject(reply: string): { seq: number; delivery: number } {
  const tokens = reply.split('.');
  const first = tokens.length > 9 ? 7 : 5;
  return { seq: Number(tokens[first]), delivery: Number(tokens[first + 1]) };
}
