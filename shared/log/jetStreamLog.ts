import { type JetStreamManager, jetstreamManager, type MsgRequest, type NextMsgRequest } from '@nats-io/jetstream';
import type { NatsLink } from '../bus/natsConnection.ts';
import type { Clock } from '../clock/clock.ts';
import { systemClock } from '../clock/systemClock.ts';
import { askAgain, type Insistence } from './askAgain.ts';
import { untilDisconnect } from './connectionLost.ts';
import { type EventLog, type LogRecord, LogUnavailableError, WrongSequenceError } from './eventLog.ts';
import { sendAppend } from './jetStreamAppend.ts';
import { appendError, isWrongSequence, messageOf } from './jetStreamErrors.ts';
import { storedRecord } from './jetStreamRecord.ts';
import { tailStream } from './jetStreamTail.ts';

export interface JetStreamLogOptions {
  /** One of `streams` in `protocol/subjects.ts`; `ensureStreams` made it. */
  stream: string;
  /** How long an append, or a read, waits for its answer before it is sent again, ms; after the third time it fails. */
  timeoutMs?: number;
  clock?: Clock;
}

type Append = Parameters<EventLog['append']>[0];

const defaultTimeoutMs = 2_000;
/** On links on which every answer takes longer than the time-out, the log goes on. */
const times = 3;

/** The log on one stream of JetStream. */
export async function createJetStreamLog(link: NatsLink, options: JetStreamLogOptions): Promise<EventLog> {
  const { stream, timeoutMs = defaultTimeoutMs, clock = systemClock } = options;
  const insistence = { clock, everyMs: timeoutMs, times };
  const jsm = await jetstreamManager(link.nc, { checkAPI: false, timeout: timeoutMs * times });
  const source = { link, jsm, stream, clock, insistence };
  const nextOn = (subject: string, seq: number) => {
    const query: NextMsgRequest & { seq: number } = { seq, next_by_subj: subject };
    return read(source, () => readMessage(jsm, stream, query));
  };
  return {
    append: async (message) => {
      const { subject, expectedSeq } = message;
      try {
        return await sendAppend(link, { stream, insistence }, message);
      } catch (cause) {
        if (!isWrongSequence(cause)) throw appendError(subject, cause);
        return await resolveWrongSequence(() => nextOn(subject, expectedSeq + 1), message, cause);
      }
    },
    last: (subject) => read(source, () => readMessage(jsm, stream, { last_by_subj: subject })),
    bounds: () =>
      read(source, async () => {
        const { messages, first_seq: first, last_seq: last } = (await jsm.streams.info(stream)).state;
        return { first: messages === 0 ? last + 1 : first, last };
      }),
    tail: (tailOptions) => tailStream(source, tailOptions),
  };
}

/** Asked of the stream's leader; a direct get, which is faster, may be answered by a replica that lags behind. */
async function readMessage(jsm: JetStreamManager, stream: string, query: MsgRequest): Promise<LogRecord | null> {
  const message = await jsm.streams.getMessage(stream, query);
  return message && storedRecord(message);
}

/**
 * A repeated append may find its own message in its way, because the server (2.15, for one) compares sequences before it
 * looks for a repeated id. Of all messages on the subject only the next one after `expectedSeq` can be that.
 */
async function resolveWrongSequence(
  next: () => Promise<LogRecord | null>,
  { subject, id, expectedSeq }: Append,
  refusal: unknown,
): Promise<{ seq: number }> {
  const found = await next().catch((cause) => {
    throw appendError(subject, cause);
  });
  if (found?.id === id) return { seq: found.seq };
  const message = `an append on ${subject} expected sequence ${expectedSeq}: ${messageOf(refusal)}`;
  throw new WrongSequenceError(message, { cause: refusal });
}

interface Source {
  link: NatsLink;
  stream: string;
  insistence: Insistence;
}

async function read<T>({ link, stream, insistence }: Source, ask: () => Promise<T>): Promise<T> {
  try {
    return await untilDisconnect(link, () => askAgain(ask, insistence));
  } catch (cause) {
    throw new LogUnavailableError(`the stream ${stream} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
