/**
 * The port to the replicated log: one ordered sequence of messages, each on a subject, appended by compare-and-append.
 * `jetStreamLog.ts` is the real one, `memoryLog.ts` its twin; `eventLog.contract.ts` runs on both.
 *
 * The log moves bytes and knows nothing of commits: `protocol/commit.ts` does.
 */
export interface EventLog {
  /**
   * Appends one message if the last message on its subject has the sequence `expectedSeq` (0: there is none).
   * Resolves only when the message is durable. Repeating an append whose message was stored (same `id`, same
   * `expectedSeq`) does not store it again; its first sequence is returned.
   *
   * @throws {WrongSequenceError} the subject's last sequence is another: somebody wrote in between. Nothing was stored.
   * @throws {AppendRefusedError} the log said no for good (storage full, message too large). Nothing was stored.
   * @throws {OutcomeUnknownError} no answer in time: the message may or may not be stored.
   */
  append(message: { subject: string; id: string; data: Uint8Array; expectedSeq: number }): Promise<{ seq: number }>;

  /**
   * The last message on a subject, or null. Linearizable: it sees every append acknowledged before the call.
   * @throws {LogUnavailableError}
   */
  last(subject: string): Promise<LogRecord | null>;

  /**
   * The sequence of the newest message of the whole stream (0: there never was one), and of the oldest that is still
   * there (`last + 1`: none is).
   * @throws {LogUnavailableError}
   */
  bounds(): Promise<{ first: number; last: number }>;

  /**
   * Messages in log order from `fromSeq` on: first those that are there, then new ones as they come. It survives
   * reconnects without gap or repetition and ends when `signal` aborts. `onIdle`, when given, is called once: as soon
   * as everything that was there at the start has been handed over. A subscriber slower than the log holds it back.
   * @throws {LogRewoundError} the log ends before `fromSeq - 1`, or before what it had handed over.
   */
  tail(options: {
    fromSeq: number;
    subjects?: readonly string[];
    signal: AbortSignal;
    onIdle?: () => void;
  }): AsyncIterable<LogRecord>;
}

export interface LogRecord {
  readonly seq: number;
  readonly subject: string;
  /** The id it was appended with. */
  readonly id: string;
  readonly data: Uint8Array;
  /** A place for what the first who folds the record makes of its data, where others of the same process do too. */
  readonly shared?: { reading?: unknown };
}

/** The subject's last sequence is not the expected one. */
export class WrongSequenceError extends Error {
  override readonly name = 'WrongSequenceError';
}

/** The log refused the message for a reason that trying again at once does not change. */
export class AppendRefusedError extends Error {
  override readonly name = 'AppendRefusedError';
}

/** The append was sent and no answer came: it may or may not have happened. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError';
}

/** The log cannot be read at the moment. */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError';
}

/** The log ends earlier than it once did: its storage was lost, or replaced by another one's. */
export class LogRewoundError extends Error {
  override readonly name = 'LogRewoundError';
}
