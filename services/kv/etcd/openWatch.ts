import type { WatchEvent } from '../../../shared/domain/kv.ts';
import type { Watch } from '../store/store.ts';
import { type EtcdContext, headerOf } from './context.ts';
import { frameOverheadBytes } from './grpc/route.ts';
import type { WatchCreateRequest, WatchResponse } from './messages.ts';
import { writeEvent } from './requests.ts';
import type { Sendable } from './wire/codec.ts';

/** About as much is put into one response; a revision that is larger is one all the same. */
const targetBytes = 1024 * 1024;
const maxEvents = 1000;
/** Of an event, beside its keys and values. */
const eventOverheadBytes = 40;

export interface WatchBatch {
  responses: Sendable<WatchResponse>[];
  /** The watch has ended: what it was to see next has been compacted. */
  isOver: boolean;
}

/** One watch that a client has open. */
export class OpenWatch {
  readonly id: string;
  readonly onReady: () => void;
  readonly wantsProgress: boolean;
  readonly #context: EtcdContext;
  readonly #startRevision: number;
  readonly #maxFragmentBytes: number;
  #watch: Watch | null = null;
  /** What an event took in the last response, so that the next has about {@link targetBytes}. */
  #averageBytes = targetBytes / 16;
  #sentSinceProgress = false;

  constructor(id: string, request: WatchCreateRequest, context: EtcdContext, onReady: () => void) {
    this.id = id;
    this.onReady = onReady;
    this.wantsProgress = request.progressNotify;
    this.#context = context;
    this.#startRevision = request.startRevision;
    this.#maxFragmentBytes = request.fragment ? context.limits.maxRequestBytes + frameOverheadBytes : Infinity;
  }

  start(watch: Watch): void {
    this.#watch = watch;
  }

  /** What is to be sent next; null: nothing now. */
  next(): WatchBatch | null {
    const pulled = this.#watch?.pull(Math.max(1, Math.min(maxEvents, Math.floor(targetBytes / this.#averageBytes))));
    if (pulled === undefined) return null;
    if ('compactRevision' in pulled) return { responses: [this.#canceled(pulled.compactRevision)], isOver: true };
    if (pulled.events.length === 0) return null;
    this.#sentSinceProgress = true;
    return { responses: this.#responsesOf(pulled.events, pulled.revision), isOver: false };
  }

  /** Nothing was sent for a whole interval, and it may be told so: nothing comes before the revision it begins at. */
  isDueForProgress(): boolean {
    const isDue = !this.#sentSinceProgress && this.hasBegun;
    this.#sentSinceProgress = false;
    return isDue;
  }

  /** The revision that it begins at is there. */
  get hasBegun(): boolean {
    return this.#startRevision <= this.#context.service.store.revision;
  }

  close(): void {
    this.#watch?.close();
  }

  #canceled(compactRevision: number): Sendable<WatchResponse> {
    return { watchId: this.id, canceled: true, compactRevision };
  }

  #responsesOf(events: WatchEvent[], revision: number): Sendable<WatchResponse>[] {
    const header = headerOf(this.#context.service, revision);
    const sizes = events.map(sizeOf);
    this.#averageBytes = sizes.reduce((sum, size) => sum + size, 0) / events.length;
    const parts = fragments(events, sizes, this.#maxFragmentBytes);
    return parts.map((part, index) => ({
      header,
      watchId: this.id,
      fragment: index < parts.length - 1,
      events: part.map(writeEvent),
    }));
  }
}

/** Cuts the events into pieces of at most `maxBytes`, a larger event being a piece of its own. */
function fragments(events: WatchEvent[], sizes: number[], maxBytes: number): WatchEvent[][] {
  const parts: WatchEvent[][] = [];
  let part: WatchEvent[] = [];
  let bytes = 0;
  for (const [index, event] of events.entries()) {
    const size = sizes[index] ?? 0;
    if (part.length > 0 && bytes + size > maxBytes) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(event);
    bytes += size;
  }
  return [...parts, part];
}

function sizeOf({ kv, prevKv }: WatchEvent): number {
  const previous = prevKv === undefined ? 0 : prevKv.key.length + prevKv.value.length + eventOverheadBytes;
  return kv.key.length + kv.value.length + eventOverheadBytes + previous;
}
