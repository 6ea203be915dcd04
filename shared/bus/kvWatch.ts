import { delay } from '../clock/clock.ts';
import type { KvError, WatchEvent, WatchRequest } from '../domain/kv.ts';
import { type KvStreamParts, receiveStream, StreamBrokenError, type StreamItem } from './kvStream.ts';

export type WatchItem =
  /** All that happened to the watched keys in one or more whole revisions, up to and with `revision`. */
  | { revision: number; events: WatchEvent[] }
  /** The last item: the watch cannot go on. `compactRevision`: with the code `compacted`, where it could begin. */
  | { error: KvError; compactRevision?: number };

export interface WatchOptions {
  signal?: AbortSignal;
  /** The watch begins after this revision: whatever is written from now on will be seen. Called once. */
  onStart?: (revision: number) => void;
  /** It goes on at another store; why. */
  onResume?: (reason: string) => void;
}

const resumeMs = { min: 50, max: 1_000 };

/**
 * What happens to keys, from the start revision (or now) on: never a change missing, never one twice, never a revision in
 * parts. While no store answers it waits. It ends when `signal` aborts, or with an error as the last item.
 */
export async function* watchKeys(
  parts: KvStreamParts,
  request: WatchRequest,
  { signal = new AbortController().signal, onStart, onResume }: WatchOptions = {},
): AsyncGenerator<WatchItem, void, undefined> {
  const position = new Position(request.startRevision ?? 0, onStart);
  for (let waitMs = resumeMs.min; !signal.aborted; waitMs = Math.min(waitMs * 2, resumeMs.max)) {
    try {
      for await (const item of receiveStream(parts, { type: 'watch', ...request, ...position.start }, signal)) {
        const given = position.take(item);
        if (given !== null) yield given;
        if (given && 'error' in given) return;
        waitMs = resumeMs.min;
      }
    } catch (error) {
      if (!(error instanceof StreamBrokenError)) throw error;
      onResume?.(error.message);
    }
    position.discardPart();
    await delay(parts.clock, waitMs, signal);
  }
}

/** How far a watch has come, whatever streams it takes. */
class Position {
  /** Revision that is still to be seen; 0: not known yet. */
  #next: number;
  #onStart: ((revision: number) => void) | undefined;
  /** What has come of a revision that goes on. */
  #part: WatchEvent[] = [];

  constructor(start: number, onStart: ((revision: number) => void) | undefined) {
    this.#next = Math.max(0, start);
    this.#onStart = onStart;
  }

  get start(): { startRevision?: number } {
    return this.#next > 0 ? { startRevision: this.#next } : {};
  }

  /** What there is to give when this has come. */
  take(item: StreamItem): WatchItem | null {
    if ('reached' in item) return this.#reach(item.reached);
    if ('end' in item) return this.#end(item);
    if (!('events' in item)) return null;
    this.#part.push(...item.events);
    return item.partial ? null : this.#complete();
  }

  discardPart(): void {
    this.#part = [];
  }

  #reach(revision: number): null {
    this.#next = Math.max(this.#next, revision + 1);
    this.#onStart?.(revision);
    this.#onStart = undefined;
    return null;
  }

  #complete(): WatchItem | null {
    const events = this.#part;
    const last = events.at(-1);
    if (!last) return null;
    this.#part = [];
    this.#next = last.kv.modRevision + 1;
    return { revision: last.kv.modRevision, events };
  }

  #end({ error, compactRevision }: { error?: KvError; compactRevision?: number }): WatchItem {
    return {
      error: error ?? { code: 'stopped' },
      ...(compactRevision === undefined ? {} : { compactRevision }),
    };
  }
}
