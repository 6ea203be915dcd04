import { type Clock, delay } from '../clock/clock.ts';
import {
  AppendRefusedError,
  type EventLog,
  type LogRecord,
  LogUnavailableError,
  OutcomeUnknownError,
  WrongSequenceError,
} from './eventLog.ts';

export interface Patience {
  log: EventLog;
  clock: Clock;
  /** Ends the waiting for a log that is away. */
  signal: AbortSignal;
}

export type Message = Parameters<EventLog['append']>[0];

/** Somebody else wrote on the subject: this writer has to follow before it may write again. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

const retryMs = { min: 50, max: 250 };

/**
 * Stores the message exactly once, whatever becomes of the answers: appending is idempotent, so an append without an
 * answer is simply repeated, for as long as the log is away. Resolves with its sequence when it is durable.
 * @throws {FencedError} somebody else wrote in its place. It is not on the log.
 * @throws {AppendRefusedError} the log does not take it. It is not on the log.
 * @throws {OutcomeUnknownError} the signal aborted while it was open whether it is on the log.
 */
export async function appendOnce(patience: Patience, message: Message): Promise<number> {
  const { log, clock, signal } = patience;
  let doubtful = false;
  for (let wait = retryMs.min; ; wait = Math.min(wait * 2, retryMs.max)) {
    try {
      return (await log.append(message)).seq;
    } catch (error) {
      if (error instanceof WrongSequenceError) throw fenced(message, error);
      if (error instanceof AppendRefusedError && doubtful) return await resolveRefusal(patience, message, error);
      if (!(error instanceof OutcomeUnknownError) || signal.aborted) throw error;
    }
    doubtful = true;
    await delay(clock, wait, signal);
  }
}

/**
 * The last record on a subject, asked for again for as long as the log is away.
 * @throws {LogUnavailableError} the signal aborted before there was an answer.
 */
export async function readLast({ log, clock, signal }: Patience, subject: string): Promise<LogRecord | null> {
  for (let wait = retryMs.min; ; wait = Math.min(wait * 2, retryMs.max)) {
    try {
      return await log.last(subject);
    } catch (error) {
      if (!(error instanceof LogUnavailableError) || signal.aborted) throw error;
    }
    await delay(clock, wait, signal);
  }
}

/** Refused at last, after an attempt without an answer, which may have stored it: the log is asked until it tells. */
async function resolveRefusal(patience: Patience, { subject, id }: Message, refusal: Error): Promise<number> {
  let last: LogRecord | null;
  try {
    last = await readLast(patience, subject);
  } catch (cause) {
    throw new OutcomeUnknownError(`it is not known whether an append on ${subject} was stored`, { cause });
  }
  if (last?.id === id) return last.seq;
  throw refusal;
}

function fenced({ subject, expectedSeq }: Message, cause: WrongSequenceError): FencedError {
  return new FencedError(`somebody else wrote on ${subject} after sequence ${expectedSeq}`, { cause });
}
