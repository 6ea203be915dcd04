import type { Bus } from '../../../shared/bus/bus.ts';
import type { Clock } from '../../../shared/clock/clock.ts';
import type { KvError } from '../../../shared/domain/kv.ts';
import { type StreamReply, type StreamRequest, streamKeepAliveMs } from '../../../shared/protocol/kvWatch.ts';
import type { KvService } from '../kvService.ts';
import { OutgoingStream, type StreamSource } from './outgoingStream.ts';
import { createSnapshotSource } from './snapshotSource.ts';
import { createWatchSource } from './watchSource.ts';

export interface StreamsOptions {
  bus: Bus;
  clock: Clock;
  service: KvService;
  onError: (error: unknown) => void;
}

interface Entry {
  stream: OutgoingStream;
  /** Ends it when nobody asks for it again. */
  timer: unknown;
  /** It is about to send. */
  pumping: boolean;
}

type Opening = StreamRequest & { replyTo: string };

/** More than any store is meant for; it bounds what a client that loses its streams can cost. */
const mostStreams = 20_000;

/** The streams that a store sends. */
export class Streams {
  readonly #options: StreamsOptions;
  readonly #streams = new Map<string, Entry>();

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  async handle(request: StreamRequest): Promise<StreamReply> {
    switch (request.type) {
      case 'watch':
      case 'snapshot':
        return this.#open(request);
      case 'continue':
        return this.#continue(request.id, request.received);
      case 'close':
        this.#end(request.id);
        return { ok: false, error: { code: 'unknown' } };
      default:
        return request satisfies never;
    }
  }

  /** The store leaves. */
  close(): void {
    for (const [id, { stream }] of this.#streams) {
      stream.leave();
      this.#end(id);
    }
  }

  async #open(request: Opening): Promise<StreamReply> {
    const error = await this.#obstacle(request);
    if (error) return { ok: false, error };
    // From here on, before anything can happen to the store.
    const { id } = request;
    const source = this.#sourceOf(request, () => this.#pumpSoon(id));
    const revision = source.revision;
    const { bus } = this.#options;
    const publish = (data: Uint8Array) => bus.publish(request.replyTo, data);
    this.#end(id);
    const stream = new OutgoingStream(source, { publish, maxBytes: bus.maxPayload });
    this.#streams.set(id, { stream, timer: null, pumping: false });
    this.#keepAlive(id);
    this.#pumpSoon(id);
    return { ok: true, member: this.#options.service.status.member.id, sent: 0, revision };
  }

  /** What is to show the present must know it; what begins at a revision gets there. */
  async #obstacle(request: Opening): Promise<KvError | null> {
    if (this.#streams.size >= mostStreams) return { code: 'too-many-requests' };
    const begins = request.type === 'watch' ? (request.startRevision ?? 0) : 0;
    return begins > 0 ? null : this.#options.service.readBarrier();
  }

  #sourceOf(request: Opening, onReady: () => void): StreamSource {
    const { store } = this.#options.service;
    if (request.type !== 'watch') return createSnapshotSource(store);
    const { type: _, id, replyTo, ...watch } = request;
    return createWatchSource(store, watch, onReady);
  }

  #continue(id: string, received: number): StreamReply {
    const found = this.#streams.get(id);
    if (!found) return { ok: false, error: { code: 'unknown' } };
    this.#keepAlive(id);
    const { stream } = found;
    stream.received(received);
    const { sent, revision } = stream;
    // It stays known until the receiver has said that it has everything.
    if (stream.over && received >= sent) this.#end(id);
    return { ok: true, member: this.#options.service.status.member.id, sent, revision };
  }

  /** Changes come one by one, many in one turn of the event loop: they are sent together. */
  #pumpSoon(id: string): void {
    const found = this.#streams.get(id);
    if (!found || found.pumping) return;
    found.pumping = true;
    setImmediate(() => {
      found.pumping = false;
      try {
        found.stream.pump();
      } catch (error) {
        this.#options.onError(error);
        this.#end(id);
      }
    });
  }

  #keepAlive(id: string): void {
    const { clock } = this.#options;
    const found = this.#streams.get(id);
    if (!found) return;
    clock.clearTimeout(found.timer);
    found.timer = clock.setTimeout(() => this.#end(id), streamKeepAliveMs);
  }

  #end(id: string): void {
    const found = this.#streams.get(id);
    if (!found) return;
    this.#options.clock.clearTimeout(found.timer);
    this.#streams.delete(id);
    found.stream.close();
  }
}
