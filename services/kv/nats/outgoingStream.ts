import { encodeJson } from '../../../shared/protocol/json.ts';
import { type StreamMessage, streamWindow } from '../../../shared/protocol/kvWatch.ts';

/** A message before it has its number. */
export type StreamBody = StreamMessage extends infer M ? (M extends { n: number } ? Omit<M, 'n'> : never) : never;

/** Where a stream's messages come from: it is asked when there is room for one. */
export interface StreamSource {
  /** The next message; null: there is none yet. After one with `end` it is not asked again. */
  next(): StreamBody | null;
  /** Everything up to this revision is in the messages that were taken. */
  readonly revision: number;
  close(): void;
}

/** Sends a source's messages, numbered from 1, never more than {@link streamWindow} ahead of what was received. */
export class OutgoingStream {
  readonly #source: StreamSource;
  readonly #publish: (data: Uint8Array) => void;
  readonly #maxBytes: number;
  #sent = 0;
  #received = 0;
  #over = false;

  constructor(source: StreamSource, { publish, maxBytes }: { publish: (data: Uint8Array) => void; maxBytes: number }) {
    this.#source = source;
    this.#publish = publish;
    this.#maxBytes = maxBytes;
  }

  /** The number of the last message. */
  get sent(): number {
    return this.#sent;
  }

  get revision(): number {
    return this.#source.revision;
  }

  /** There is nothing more to come. */
  get over(): boolean {
    return this.#over;
  }

  /** The receiver has taken in everything up to that number. */
  received(number: number): void {
    this.#received = Math.max(this.#received, Math.min(number, this.#sent));
    this.pump();
  }

  /** Sends what there is to send, as far as the receiver lets it. */
  pump(): void {
    while (!this.#over && this.#sent - this.#received < streamWindow) {
      const body = this.#source.next();
      if (body === null) return;
      this.#send(body);
    }
  }

  /** The store leaves: the receiver goes on elsewhere, at once. */
  leave(): void {
    if (!this.#over) this.#send({ end: true, error: { code: 'stopped' } });
  }

  close(): void {
    this.#over = true;
    this.#source.close();
  }

  #send(body: StreamBody): void {
    this.#sent += 1;
    const data = encodeJson({ n: this.#sent, ...body });
    const fits = data.length <= this.#maxBytes;
    this.#publish(fits ? data : encodeJson({ n: this.#sent, ...this.#tooLarge(data.length) }));
    if ('end' in body || !fits) this.close();
  }

  #tooLarge(size: number): StreamBody {
    const message = `a change has ${size} bytes and a message ${this.#maxBytes}: raise NATS's max_payload`;
    return { end: true, error: { code: 'request-too-large', message } };
  }
}
