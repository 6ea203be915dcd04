import { ByteQueue } from './byteQueue.ts';
import { Credit } from './credit.ts';
import { ErrorCode } from './protocol.ts';
import type { RequestHeaders } from './requestHeaders.ts';

/** Who takes the body of a request, in its order. */
export interface BodyReceiver {
  data(chunk: Buffer): void;
  /** The client will send no more. */
  end(): void;
}

/** What a stream asks of its connection. */
export interface StreamOutlet {
  /** Headers, all data and the trailers at once, when nothing holds any of it back; false: something does, nothing is sent. */
  sendWhole(stream: ServerStream, headers: Buffer, data: Buffer, trailers: Buffer): boolean;
  sendHeaders(stream: ServerStream, block: Buffer, endStream: boolean): void;
  /** So many bytes more, or less, wait in the stream. */
  countQueued(bytes: number): void;
  /** There is data, or the end, to be taken from the stream when there is room. */
  sendFrom(stream: ServerStream): void;
  sendReset(stream: ServerStream, code: number): void;
  giveCredit(stream: ServerStream, bytes: number): void;
  forget(stream: ServerStream): void;
}

/** So much may wait for a client that does not read before who writes is asked to wait. */
const highWaterBytes = 16 * 1024;

/** One request and its response (RFC 9113, section 5). It is over when it was answered, or given up by either side. */
export class ServerStream {
  readonly id: number;
  readonly headers: RequestHeaders;
  /** Bytes that the client still takes. */
  sendWindow: number;
  readonly #outlet: StreamOutlet;
  readonly #credit: Credit;
  #receiver: BodyReceiver | null = null;
  /** What came while nobody was to be given it. */
  #held = new ByteQueue();
  #paused = false;
  #receivedAll = false;
  #toldEnd = false;
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #trailers: Buffer | null = null;
  #wantsDrain = false;
  #headersSent = false;
  #closed = false;
  #onClosed: (() => void)[] = [];
  #onDrain: (() => void)[] = [];

  constructor(id: number, headers: RequestHeaders, outlet: StreamOutlet, windows: { send: number; receive: number }) {
    this.id = id;
    this.headers = headers;
    this.sendWindow = windows.send;
    this.#outlet = outlet;
    this.#credit = new Credit(windows.receive, windows.receive / 2, (bytes) => outlet.giveCredit(this, bytes));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get headersSent(): boolean {
    return this.#headersSent;
  }

  /** The client has sent its half whole. */
  get receivedAll(): boolean {
    return this.#receivedAll;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** From now on the body is given to `receiver`. */
  receive(receiver: BodyReceiver): void {
    this.#receiver = receiver;
    this.#deliver();
  }

  /** Nothing of the body is given to anybody until `resume`; the client may send as much as fits into its window. */
  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#deliver();
  }

  onClosed(listener: () => void): void {
    if (this.#closed) listener();
    else this.#onClosed.push(listener);
  }

  onDrain(listener: () => void): void {
    this.#onDrain.push(listener);
  }

  /** The whole response. */
  answer(headers: Buffer, data: Buffer, trailers: Buffer): void {
    if (this.#closed) return;
    if (this.#outlet.sendWhole(this, headers, data, trailers)) {
      this.#headersSent = true;
      return this.#finish();
    }
    this.respond(headers);
    this.write(data);
    this.end(trailers);
  }

  respond(headers: Buffer): void {
    if (this.#closed || this.#headersSent) return;
    this.#headersSent = true;
    this.#outlet.sendHeaders(this, headers, false);
  }

  /** False: more than enough waits to be sent; `onDrain` says when it does not any more. */
  write(data: Buffer): boolean {
    if (this.#closed || this.#trailers !== null) return false;
    if (data.length === 0) return !this.#wantsDrain;
    this.#queue.push(data);
    this.#count(data.length);
    this.#outlet.sendFrom(this);
    this.#wantsDrain = this.#queuedBytes >= highWaterBytes;
    return !this.#wantsDrain;
  }

  /** Ends the response once what was written is sent. */
  end(trailers: Buffer): void {
    if (this.#closed || this.#trailers !== null) return;
    this.#trailers = trailers;
    this.#outlet.sendFrom(this);
  }

  /** A response without a body. */
  respondAndEnd(headers: Buffer): void {
    if (this.#closed || this.#headersSent) return;
    this.#headersSent = true;
    this.#outlet.sendHeaders(this, headers, true);
    this.#finish();
  }

  reset(code: number): void {
    if (this.#closed) return;
    this.#outlet.sendReset(this, code);
    this.close();
  }

  /** Up to so many bytes of what waits; null: nothing waits. */
  take(most: number): Buffer | null {
    const [first] = this.#queue;
    if (first === undefined) return null;
    const part = first.length <= most ? first : first.subarray(0, most);
    if (part === first) this.#queue.shift();
    else this.#queue[0] = first.subarray(most);
    this.#count(-part.length);
    return part;
  }

  /** What ends the response, once nothing waits before it. */
  get ending(): Buffer | null {
    return this.#queue.length === 0 ? this.#trailers : null;
  }

  /** The connection has sent the end. */
  ended(): void {
    this.#finish();
  }

  /** The connection has sent all that waited. */
  drained(): void {
    if (!this.#wantsDrain || this.#closed) return;
    this.#wantsDrain = false;
    for (const listener of this.#onDrain) listener();
  }

  /** A part of the body; false: it is more than the client was allowed to send. `bytes`: with its padding. */
  accept(body: Buffer, bytes: number, isLast: boolean): boolean {
    if (!this.#credit.use(bytes)) return false;
    this.#credit.giveBack(bytes - body.length);
    this.#receivedAll = isLast;
    if (body.length > 0) this.#held.push(body);
    this.#deliver();
    return true;
  }

  acceptEnd(): void {
    this.#receivedAll = true;
    this.#deliver();
  }

  /** It is over, whoever ended it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue = [];
    this.#count(-this.#queuedBytes);
    this.#held = new ByteQueue();
    this.#outlet.forget(this);
    for (const listener of this.#onClosed.splice(0)) listener();
  }

  #count(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#outlet.countQueued(bytes);
  }

  #deliver(): void {
    if (this.#receiver === null) return;
    while (this.#held.length > 0 && !this.#paused && !this.#closed) {
      const chunk = this.#held.shift() as Buffer;
      if (!this.#receivedAll) this.#credit.giveBack(chunk.length);
      this.#receiver.data(chunk);
    }
    if (this.#toldEnd || !this.#receivedAll || this.#held.length > 0 || this.#paused || this.#closed) return;
    this.#toldEnd = true;
    this.#receiver.end();
  }

  /** What its client still would send is not read (section 8.1). */
  #finish(): void {
    if (!this.#receivedAll) this.#outlet.sendReset(this, ErrorCode.NoError);
    this.close();
  }
}
