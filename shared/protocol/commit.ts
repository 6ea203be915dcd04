import { hash } from 'node:crypto';
import type { Event } from '../domain/events.ts';
import { CorruptCommitError, upcast } from './upcasts.ts';

/** What `prev` says on a subject's first commit. */
export const genesis = '';

/**
 * One message on the log: facts that became true together. An event that was caused by something else than the commit's
 * own `cause` (several commands share a commit) carries a `cause` of its own; {@link causeOf} answers for both.
 */
export interface Commit<E = Event> {
  v: number;
  /** nanoid; also the message's `Nats-Msg-Id`. */
  id: string;
  /** The writer's wall clock, ms since 1970. */
  at: number;
  /** Who wrote it: `scheduler/<id>`, `node/<machine>`. */
  by: string;
  /** What led to it: a command's id, a lost heartbeat, a commit. */
  cause: string;
  /** SHA-256 (hex) of the previous commit on this subject, as it was stored; '' on the first. */
  prev: string;
  /** The commands it answers, where there are any: their ids are the causes of its events. */
  commands?: CommandRef[];
  events: Caused<E>[];
}

export interface CommandRef {
  id: string;
  type: string;
  /** Who gave it: `user@host`. */
  by: string;
}

export type Caused<E> = E & { cause?: string };

export function causeOf(commit: Commit, event: Caused<Event>): string {
  return event.cause ?? commit.cause;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export function encodeCommit<E = Event>(commit: Commit<E>): Uint8Array {
  return encoder.encode(JSON.stringify(commit));
}

/**
 * Reads a stored commit, whatever version wrote it.
 * @throws {CorruptCommitError} these bytes are no commit.
 * @throws {NewerSchemaError} a newer version of Flotilla wrote it.
 */
export function decodeCommit<E = Event>(data: Uint8Array): Commit<E> {
  let raw: unknown;
  try {
    raw = JSON.parse(decoder.decode(data));
  } catch (cause) {
    throw new CorruptCommitError('a commit on the log is not JSON', { cause });
  }
  return upcast<E>(raw);
}

/** What the next commit on the same subject carries as `prev`. */
export function hashCommit(data: Uint8Array): string {
  return hash('sha256', data);
}
