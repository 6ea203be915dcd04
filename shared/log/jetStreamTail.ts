/**
 * Reading a stream for as long as somebody wants to. A consumer of JetStream lives on one server and goes away with it,
 * so it is treated as a thing of the moment: whenever anything about it looks wrong, a new one starts after the last
 * message that was handed over. That, not the consumer, is what makes the tail free of gaps and repetitions.
 */
import { AckPolicy, type ConsumerConfig, DeliverPolicy, type JetStreamManager } from '@nats-io/jetstream';
import { delay } from '../clock/clock.ts';
import { askAgain, type Insistence } from './askAgain.ts';
import { untilDisconnect } from './connectionLost.ts';
import { type EventLog, type LogRecord, LogRewoundError, LogUnavailableError } from './eventLog.ts';
import { isPassing, isStreamNotFound, messageOf } from './jetStreamErrors.ts';
import { openPull, type Pull, type PullSource } from './jetStreamPull.ts';

export interface TailSource extends PullSource {
  jsm: JetStreamManager;
  insistence: Insistence;
}

type TailOptions = Parameters<EventLog['tail']>[0];

const retryMs = { min: 50, max: 250 };
/** The server forgets a consumer that its reader has left without a word. */
const inactiveThresholdNs = 60 * 1_000_000_000;
/** Replicas that elect a leader, or catch up after a crash, may lag some 10 s behind what was handed out: it takes 20 s. */
const rewoundAfterTries = 80;

/** @throws {LogRewoundError | LogUnavailableError} the connection was closed, or the server refuses such a consumer. */
export async function* tailStream(source: TailSource, options: TailOptions): AsyncGenerator<LogRecord> {
  const { signal, onIdle } = options;
  let nextSeq = Math.max(1, options.fromSeq);
  let idle = false;
  while (!signal.aborted) {
    const consumer = await openConsumer(source, options, nextSeq);
    if (consumer === null) return;
    let { backlog } = consumer;
    try {
      for (;;) {
        if (backlog <= 0 && !idle) {
          idle = true;
          onIdle?.();
        }
        const records = await consumer.pull.take();
        if (records === null) break;
        for (const record of records) {
          nextSeq = record.seq + 1;
          yield record;
          if (signal.aborted) return;
        }
        backlog -= records.length;
      }
    } finally {
      consumer.close();
    }
  }
}

interface OpenConsumer {
  pull: Pull;
  /** Messages that were there when it was made. */
  backlog: number;
  close(): void;
}

/** Tries until there is a consumer; null when `signal` aborts first. */
async function openConsumer(source: TailSource, options: TailOptions, nextSeq: number): Promise<OpenConsumer | null> {
  const { link, clock } = source;
  const { signal } = options;
  let rewound = 0;
  for (let wait = retryMs.min; !signal.aborted; wait = Math.min(wait * 2, retryMs.max)) {
    if (link.nc.isClosed()) throw new LogUnavailableError(`${source.stream} cannot be read: the connection is closed`);
    const attempt = await tryOpen(source, options, nextSeq);
    if (attempt.kind === 'open') return attempt.consumer;
    if (attempt.kind === 'rewound' && (!attempt.mayLag || ++rewound >= rewoundAfterTries)) {
      throw rewoundError(source, attempt.end, nextSeq);
    }
    await delay(clock, wait, signal);
  }
  return null;
}

type Attempt =
  | { kind: 'open'; consumer: OpenConsumer }
  | { kind: 'rewound'; end: number; mayLag: boolean }
  | { kind: 'later' };

async function tryOpen(source: TailSource, options: TailOptions, nextSeq: number): Promise<Attempt> {
  const { link, jsm, stream, insistence } = source;
  const ask = <T>(question: () => Promise<T>) => untilDisconnect(link, () => askAgain(question, insistence));
  try {
    const { state, config: ofStream } = await ask(() => jsm.streams.info(stream));
    const end = state.last_seq;
    if (end < nextSeq - 1) return { kind: 'rewound', end, mayLag: ofStream.num_replicas > 1 };
    const config = consumerConfig(options, nextSeq);
    const info = await ask(() => jsm.consumers.add(stream, config));
    const pull = openPull(source, info.name, options.signal);
    const close = () => {
      pull.close();
      // When this fails, the server forgets it by itself.
      jsm.consumers.delete(stream, info.name).catch(() => undefined);
    };
    return { kind: 'open', consumer: { pull, backlog: info.num_pending, close } };
  } catch (cause) {
    if (isPassing(cause) || isStreamNotFound(cause)) return { kind: 'later' };
    throw new LogUnavailableError(`the stream ${stream} cannot be tailed: ${messageOf(cause)}`, { cause });
  }
}

function consumerConfig({ subjects }: TailOptions, nextSeq: number): Partial<ConsumerConfig> {
  return {
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: nextSeq,
    ...(subjects === undefined ? {} : { filter_subjects: [...subjects] }),
    mem_storage: true,
    num_replicas: 1,
    inactive_threshold: inactiveThresholdNs,
  };
}

function rewoundError({ stream }: TailSource, end: number, nextSeq: number): LogRewoundError {
  return new LogRewoundError(
    `the stream ${stream} ends at ${end} although ${nextSeq - 1} was read: its storage was lost or replaced`,
  );
}
