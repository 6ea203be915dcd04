import {
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  type NextMsgRequest,
  type StoredMsg,
} from '@nats-io/jetstream';
import type { NatsLink } from '../bus/natsConnection.ts';
import type { Clock } from '../clock/clock.ts';
import { systemClock } from '../clock/systemClock.ts';
import { type EventLog, type LogRecord, LogUnavailableError, WrongSequenceError } from './eventLog.ts';
import { appendError, isWrongSequence, messageOf } from './jetStreamErrors.ts';
import { storedRecord } from './jetStreamRecord.ts';
import { tailStream } from './jetStreamTail.ts';

export interface JetStreamLogOptions {
  /** One of `streams` in `protocol/subjects.ts`; `ensureStreams` made it. */
  stream: string;
  /** How long an append, or a read, waits for its answer. */
  timeoutMs?: number;
  clock?: Clock;
}

type Append = Parameters<EventLog['append']>[0];

const defaultTimeoutMs = 2_000;

/** The log on one stream of JetStream. */
export async function createJetStreamLog(link: NatsLink, options: JetStreamLogOptions): Promise<EventLog> {
  const { stream, timeoutMs = defaultTimeoutMs, clock = systemClock } = options;
  const jsm = await jetstreamManager(link.nc, { checkAPI: false, timeout: timeoutMs });
  const js = jetstream(link.nc, { timeout: timeoutMs });
  const publish = async ({ subject, id, data, expectedSeq }: Append): Promise<{ seq: number }> => {
    const expect = { lastSubjectSequence: expectedSeq, streamName: stream };
    const { seq } = await untilDisconnect(link, js.publish(subject, data, { msgID: id, timeout: timeoutMs, expect }));
    return { seq };
  };
  return {
    append: async (message) => {
      try {
        return await publish(message);
      } catch (cause) {
        if (!isWrongSequence(cause)) throw appendError(message.subject, cause);
        return await resolveWrongSequence(jsm, stream, message, cause);
      }
    },
    last: (subject) =>
      read(link, stream, async () => {
        const message = await lastMessage(jsm, stream, subject);
        return message && storedRecord(message);
      }),
    bounds: () =>
      read(link, stream, async () => {
        const { state } = await jsm.streams.info(stream);
        return { first: state.messages === 0 ? state.last_seq + 1 : state.first_seq, last: state.last_seq };
      }),
    tail: (tailOptions) => tailStream({ link, jsm, stream, clock }, tailOptions),
  };
}

/** Asked of the stream's leader; a direct get, which is faster, may be answered by a replica that lags behind. */
function lastMessage(jsm: JetStreamManager, stream: string, subject: string): Promise<StoredMsg | null> {
  return jsm.streams.getMessage(stream, { last_by_subj: subject });
}

/**
 * A repeated append may find its own message in its way, because the server compares sequences before it looks for a
 * repeated id (2.12 and newer). Of all messages on the subject only the next one after `expectedSeq` can be that.
 */
async function resolveWrongSequence(
  jsm: JetStreamManager,
  stream: string,
  { subject, id, expectedSeq }: Append,
  refusal: unknown,
): Promise<{ seq: number }> {
  const query: NextMsgRequest & { seq: number } = { seq: expectedSeq + 1, next_by_subj: subject };
  let next: LogRecord | null;
  try {
    const message = await jsm.streams.getMessage(stream, query);
    next = message && storedRecord(message);
  } catch (cause) {
    throw appendError(subject, cause);
  }
  if (next?.id === id) return { seq: next.seq };
  throw new WrongSequenceError(`an append on ${subject} expected sequence ${expectedSeq}: ${messageOf(refusal)}`, {
    cause: refusal,
  });
}

async function read<T>(link: NatsLink, stream: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await untilDisconnect(link, ask());
  } catch (cause) {
    throw new LogUnavailableError(`the stream ${stream} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** A lost connection takes the answer with it, so nobody need wait for it until the time-out. */
async function untilDisconnect<T>(link: NatsLink, answer: Promise<T>): Promise<T> {
  if (!link.connected) {
    answer.catch(() => undefined);
    throw new Error('the connection to NATS is away');
  }
  let stop: (() => void) | undefined;
  const lost = new Promise<never>((_, reject) => {
    stop = link.onConnectionChange(() => reject(new Error('the connection to NATS was lost')));
  });
  try {
    return await Promise.race([answer, lost]);
  } finally {
    stop?.();
    answer.catch(() => undefined);
  }
}
