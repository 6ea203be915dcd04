/**
 * Streams of the key/value store: what happens to keys (watches), and the whole store as it is (snapshots).
 *
 * Opened on `flotilla.watch.kv`, a stream is sent by the store that took it, as numbered messages on an inbox of the
 * asker's. The asker says on `flotilla.watch.kv.<member>` how far it has come, which lets the store send on: at most
 * {@link streamWindow} messages are under way, so somebody who is slow costs nobody memory. Who does not say so for
 * {@link streamKeepAliveMs} is sent nothing any more.
 *
 * A number that is missing, a store that no longer answers or knows nothing of the stream: it is opened anew, at any
 * store, from the revision after the last that came whole.
 */
import type { KvError, WatchEvent, WatchRequest } from '../domain/kv.ts';

export type StreamRequest =
  | ({ type: 'watch' } & StreamStart & WatchRequest)
  | ({ type: 'snapshot' } & StreamStart)
  /** Goes on, and keeps the stream alive. `received`: the number of the last message that was taken in. */
  | { type: 'continue'; id: string; received: number }
  | { type: 'close'; id: string };

interface StreamStart {
  /** Names the stream. */
  id: string;
  replyTo: string;
}

export type StreamReply =
  | {
      ok: true;
      member: string;
      /** The number of the last message that was sent. */
      sent: number;
      /** All that there was up to this revision is in the messages up to `sent`. */
      revision: number;
    }
  /** `unknown`: the store sends no such stream. */
  | { ok: false; error: KvError | { code: 'unknown' } };

/** A message of a stream. The last one has `end`, with why, unless all has been said. */
export type StreamMessage = { n: number } & (StreamEvents | StreamChunk | StreamEnd);

/** Of whole revisions, oldest first; with `partial`, the last revision goes on in the next message. */
export interface StreamEvents {
  events: WatchEvent[];
  partial?: true;
}

/** A part of a snapshot, base64. */
export interface StreamChunk {
  chunk: string;
}

export interface StreamEnd {
  end: true;
  error?: KvError;
  /** With the code `compacted`: the oldest revision that can still be had. */
  compactRevision?: number;
}

export const streamWindow = 32;
export const streamKeepAliveMs = 10_000;
