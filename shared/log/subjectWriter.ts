import type { Clock } from '../clock/clock.ts';
import type { Event } from '../domain/events.ts';
import { type Commit, encodeCommit, hashCommit } from '../protocol/commit.ts';
import { schemaVersion } from '../protocol/upcasts.ts';
import { appendOnce } from './appendOnce.ts';
import type { EventLog, LogRecord } from './eventLog.ts';
import { emptyHead, type Head } from './fold.ts';

/** The one way to append commits to a subject. Make one for each time of having that subject to write on. */
export interface SubjectWriter<E = Event> {
  /** Where the subject ends, as far as this writer knows: the next commit is appended right there. */
  readonly head: Head;
  /** Moves the head while catching up. */
  reset(head: Head): void;
  /** The same, by a record of the log; one of another subject, or one before the head, changes nothing. */
  observe(record: LogRecord): void;

  /**
   * Appends one commit and resolves when it is durable. While the log is away it tries again, until the writer's signal
   * aborts. One at a time: a second append before the first has ended is a bug, and throws.
   * @throws {FencedError} somebody else wrote on the subject. This commit is not on the log.
   * @throws {AppendRefusedError} the log does not take it. It is not on the log.
   * @throws {OutcomeUnknownError} the signal aborted while it was open whether the commit is on the log.
   */
  append(draft: CommitDraft<E>): Promise<{ seq: number; commit: Commit<E> }>;
}

/** What the writer of a commit says; the rest follows from where it stands. */
export interface CommitDraft<E = Event> extends Pick<Commit<E>, 'cause' | 'events' | 'commands'> {
  /** The wall clock, ms since 1970; now unless stated. */
  at?: number;
}

export interface SubjectWriterOptions {
  log: EventLog;
  subject: string;
  /** Who writes: `scheduler/<id>`, `node/<machine>`. */
  by: string;
  /** Makes ids, a new one at each call. */
  ids: () => string;
  clock: Clock;
  /** Ends the waiting for a log that is away. */
  signal: AbortSignal;
}

export function createSubjectWriter<E = Event>(options: SubjectWriterOptions): SubjectWriter<E> {
  const { subject, by, ids, clock } = options;
  let head = emptyHead;
  let appending = false;

  async function append(draft: CommitDraft<E>): Promise<{ seq: number; commit: Commit<E> }> {
    const { cause, events, commands, at = clock.now() } = draft;
    const fields = { v: schemaVersion, id: ids(), at, by, cause, prev: head.hash };
    const commit: Commit<E> = { ...fields, ...(commands ? { commands } : {}), events };
    const data = encodeCommit(commit);
    const seq = await appendOnce(options, { subject, id: commit.id, data, expectedSeq: head.seq });
    head = later(head, { seq, hash: hashCommit(data) });
    return { seq, commit };
  }

  return {
    get head() {
      return head;
    },
    reset: (to) => {
      head = to;
    },
    observe: ({ seq, subject: where, data }) => {
      if (where === subject && seq > head.seq) head = { seq, hash: hashCommit(data) };
    },
    append: async (draft) => {
      if (appending) throw new Error(`two appends on ${subject} at the same time`);
      appending = true;
      try {
        return await append(draft);
      } finally {
        appending = false;
      }
    },
  };
}

function later(one: Head, other: Head): Head {
  return one.seq > other.seq ? one : other;
}
