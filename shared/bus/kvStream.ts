import { type Clock, delay } from '../clock/clock.ts';
import { decodeJson, encodeJson } from '../protocol/json.ts';
import { isPassing } from '../protocol/kv.ts';
import {
  type StreamMessage,
  type StreamReply,
  type StreamRequest,
  streamKeepAliveMs,
  streamWindow,
} from '../protocol/kvWatch.ts';
import { subjects } from '../protocol/subjects.ts';
import { type Bus, NoRespondersError, RequestTimeoutError } from './bus.ts';

export interface KvStreamParts {
  bus: Bus;
  clock: Clock;
  ids: () => string;
}

export type StreamWish = StreamRequest extends infer R
  ? R extends { replyTo: string }
    ? Omit<R, 'id' | 'replyTo'>
    : never
  : never;

/** What comes of a stream, in its order. */
export type StreamItem =
  | StreamMessage
  /** Everything up to this revision has come: of a watch, also when nothing happened to its keys. */
  | { reached: number };

/** The stream cannot go on: its store is gone, or something of it was lost. Opened anew it may. */
export class StreamBrokenError extends Error {
  override readonly name = 'StreamBrokenError';
}

const answerTimeoutMs = 3_000;

/**
 * Opens a stream at some store and gives what comes of it, as slowly as it is taken, up to and with its end; nothing
 * more once `signal` aborts.
 * @throws {StreamBrokenError}
 */
export async function* receiveStream(
  parts: KvStreamParts,
  wish: StreamWish,
  signal: AbortSignal,
): AsyncGenerator<StreamItem, void, undefined> {
  const reception = new Reception(parts);
  const abort = () => reception.end();
  signal.addEventListener('abort', abort, { once: true });
  try {
    const opened = await reception.open(wish);
    yield opened;
    if ('end' in opened) return;
    for (let item = await reception.next(); item !== null && !signal.aborted; item = await reception.next()) {
      if ('end' in item && item.error && isPassing(item.error)) throw new StreamBrokenError('its store has left');
      yield item;
      if ('end' in item) return;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    reception.close();
  }
}

/** @throws {StreamBrokenError} another store, or the same one later, may take it. */
function refused(error: (StreamReply & { ok: false })['error']): StreamItem {
  const mayBeTaken = error.code === 'unknown' || error.code === 'too-many-requests' || isPassing(error);
  if (mayBeTaken) throw new StreamBrokenError(`no store takes it: ${error.code}`);
  return { n: 0, end: true, error };
}

/** The receiving end of one stream. */
class Reception {
  readonly #parts: KvStreamParts;
  readonly #id: string;
  readonly #inbox: string;
  readonly #subscription: { unsubscribe(): void };
  readonly #over = new AbortController();
  readonly #queue: StreamItem[] = [];
  #member: string | null = null;
  /** Numbers of the last messages: that came, that was taken, that the store knows to be taken. */
  #arrived = 0;
  #taken = 0;
  #acknowledged = 0;
  #failure: StreamBrokenError | null = null;
  #wake: () => void = () => {};

  constructor(parts: KvStreamParts) {
    this.#parts = parts;
    this.#id = parts.ids();
    this.#inbox = parts.bus.createInbox();
    this.#subscription = parts.bus.subscribe(this.#inbox, ({ data }) => this.#arrive(decodeJson(data)));
  }

  /** Resolves with where it begins, or with why no store will ever send it. */
  async open(wish: StreamWish): Promise<StreamItem> {
    const request = { ...wish, id: this.#id, replyTo: this.#inbox } as StreamRequest;
    const reply = await this.#ask(subjects.kvWatches, request);
    if (!reply.ok) return refused(reply.error);
    this.#member = reply.member;
    void this.#keepAlive();
    return { reached: reply.revision };
  }

  /** The next item; null at the end. */
  async next(): Promise<StreamItem | null> {
    for (;;) {
      const item = this.#queue.shift();
      if (item !== undefined) return this.#take(item);
      if (this.#failure) throw this.#failure;
      if (this.#over.signal.aborted) return null;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  end(): void {
    this.#over.abort();
    this.#queue.length = 0;
    this.#wake();
  }

  close(): void {
    this.end();
    this.#subscription.unsubscribe();
    if (this.#member === null) return;
    const request: StreamRequest = { type: 'close', id: this.#id };
    this.#parts.bus.publish(subjects.kvWatch(this.#member), encodeJson(request));
  }

  #arrive(message: StreamMessage): void {
    if (message.n !== this.#arrived + 1) return this.#fail(`message ${this.#arrived + 1} of it was lost`);
    this.#arrived = message.n;
    this.#push(message);
  }

  #take(item: StreamItem): StreamItem {
    if ('n' in item) this.#taken = item.n;
    if (this.#taken - this.#acknowledged >= streamWindow / 2) void this.#continue();
    return item;
  }

  #push(item: StreamItem): void {
    this.#queue.push(item);
    this.#wake();
  }

  #fail(reason: string): void {
    this.#failure ??= new StreamBrokenError(reason);
    this.#wake();
  }

  async #keepAlive(): Promise<void> {
    const { signal } = this.#over;
    for (;;) {
      await delay(this.#parts.clock, streamKeepAliveMs / 4, signal);
      if (signal.aborted || this.#failure) return;
      await this.#continue();
    }
  }

  /** Tells the store how far it is, and is told how far it should be. */
  async #continue(): Promise<void> {
    if (this.#member === null) return;
    const received = this.#taken;
    this.#acknowledged = received;
    try {
      const reply = await this.#ask(subjects.kvWatch(this.#member), { type: 'continue', id: this.#id, received });
      if (this.#over.signal.aborted) return;
      if (!reply.ok) this.#fail(`its store has no such stream any more: ${reply.error.code}`);
      else this.#compare(reply);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  /** On one connection, what was sent before the answer has come before it. */
  #compare({ sent, revision }: StreamReply & { ok: true }): void {
    if (sent > this.#arrived) this.#fail(`${sent - this.#arrived} messages of it were lost`);
    else if (sent === this.#arrived) this.#push({ reached: revision });
  }

  async #ask(subject: string, request: StreamRequest): Promise<StreamReply> {
    try {
      const { data } = await this.#parts.bus.request(subject, encodeJson(request), { timeoutMs: answerTimeoutMs });
      return decodeJson<StreamReply>(data);
    } catch (cause) {
      if (cause instanceof NoRespondersError) throw new StreamBrokenError('no store listens', { cause });
      if (cause instanceof RequestTimeoutError) throw new StreamBrokenError('the store does not answer', { cause });
      throw cause;
    }
  }
}
