import type { Event } from '../domain/events.ts';
import type { Commit } from './commit.ts';

/** The schema version that this build writes. */
export const schemaVersion = 1;

/** How to make version n + 1 of a commit of version n; an old commit is read through all of them, for ever. */
const upcasts: Record<number, (commit: Record<string, unknown>) => Record<string, unknown>> = {};

/**
 * A commit in the current shape, of what was stored.
 * @throws {CorruptCommitError} it has no shape of any version.
 * @throws {NewerSchemaError} it was written by a newer version.
 */
export function upcast<E = Event>(raw: unknown): Commit<E> {
  if (!isCommitShaped(raw)) throw new CorruptCommitError('a message on the log does not have the shape of a commit');
  if (raw.v > schemaVersion) throw new NewerSchemaError(raw.v);
  let commit: Record<string, unknown> & { v: number } = raw;
  while (commit.v < schemaVersion) {
    const step = upcasts[commit.v];
    if (!step) throw new CorruptCommitError(`no upcast from schema version ${commit.v}`);
    commit = { ...step(commit), v: commit.v + 1 };
  }
  return commit as unknown as Commit<E>;
}

function isCommitShaped(raw: unknown): raw is Record<string, unknown> & { v: number } {
  if (typeof raw !== 'object' || raw === null) return false;
  const { v, id, at, prev, events } = raw as Record<string, unknown>;
  return (
    Number.isInteger(v) &&
    typeof id === 'string' &&
    typeof at === 'number' &&
    typeof prev === 'string' &&
    Array.isArray(events) &&
    events.every(isEventShaped)
  );
}

function isEventShaped(event: unknown): boolean {
  return typeof event === 'object' && event !== null && 'type' in event && typeof event.type === 'string';
}

/** The log holds commits of a newer version of Flotilla than this one. */
export class NewerSchemaError extends Error {
  override readonly name = 'NewerSchemaError';
  readonly found: number;
  constructor(found: number) {
    super(
      `the log holds commits of schema version ${found}, this Flotilla reads up to ${schemaVersion}: install the newer one`,
    );
    this.found = found;
  }
}

/** Bytes on the log are no commit: damaged, or written by something else. */
export class CorruptCommitError extends Error {
  override readonly name = 'CorruptCommitError';
}
