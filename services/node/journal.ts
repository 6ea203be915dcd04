import type { Bus, Subscription } from '../../shared/bus/bus.ts';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import { type JournalReply, type JournalRequest, journalKeepAliveMs } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { parseJournalRequest } from './parseMessages.ts';
import type { JournalLine, JournalOptions, Runtime } from './runtime/runtime.ts';

export interface JournalServiceOptions {
  machine: string;
  bus: Bus;
  clock: Clock;
  runtimes: Runtime[];
  hasUnit: (unit: string) => boolean;
  onError: (error: unknown) => void;
}

/** A journal that somebody follows. */
interface Stream {
  stop: AbortController;
  /** Until when it is kept up, on the monotonic clock. */
  wantedUntil: number;
}

/** Characters in one message: as JSON they stay well below what the bus takes. */
const batchSize = 64 * 1024;

/** Answers requests for the journals of this machine's units. Returns what ends the service. */
export function serveJournals(options: JournalServiceOptions): Subscription {
  const { machine, bus, clock, onError } = options;
  const streams = new Map<string, Stream>();
  const subscription = bus.subscribe(subjects.journal(machine), (message) => {
    const request = parseJournalRequest(message.data, onError);
    if (!request) return;
    message.respond(encodeJson({}));
    const wantedUntil = clock.monotonicNow() + journalKeepAliveMs;
    const running = streams.get(request.id);
    if (running) {
      running.wantedUntil = wantedUntil;
      return;
    }
    const stream: Stream = { stop: new AbortController(), wantedUntil };
    streams.set(request.id, stream);
    void answer(options, request, stream).finally(() => {
      stream.stop.abort();
      streams.delete(request.id);
    });
  });
  return {
    unsubscribe() {
      subscription.unsubscribe();
      for (const { stop } of streams.values()) stop.abort();
    },
  };
}

async function answer(options: JournalServiceOptions, request: JournalRequest, stream: Stream): Promise<void> {
  const { bus, clock, runtimes, hasUnit } = options;
  const send = (reply: JournalReply) => bus.publish(request.replyTo, encodeJson(reply));
  if (!hasUnit(request.unit)) return send({ end: true, error: `unit ${request.unit} is not on this machine` });
  if (request.follow) void endWithInterest(clock, stream);
  const pumps = runtimes.map((runtime) => pump(runtime, request, stream.stop.signal, send));
  // One runtime may be unable to tell while the other, which has the lines, is not.
  const failure = (await Promise.allSettled(pumps)).find(({ status }) => status === 'rejected');
  const reason = failure && 'reason' in failure ? (failure.reason as Error).message : null;
  send(reason === null ? { end: true } : { end: true, error: `the journal of ${request.unit} has a gap: ${reason}` });
}

/** Ends a followed stream when nobody has asked for it again for some time. */
async function endWithInterest(clock: Clock, stream: Stream): Promise<void> {
  const { signal } = stream.stop;
  while (!signal.aborted && clock.monotonicNow() < stream.wantedUntil) {
    await delay(clock, stream.wantedUntil - clock.monotonicNow(), signal);
  }
  stream.stop.abort();
}

/** Sends a runtime's lines: gathered while there are many of them at once, one by one when they come one by one. */
async function pump(
  runtime: Runtime,
  { unit, lines, follow, since, until, stamps }: JournalRequest,
  signal: AbortSignal,
  send: (reply: JournalReply) => void,
): Promise<void> {
  let gathered: JournalLine[] = [];
  let size = 0;
  const flush = () => {
    const texts = gathered.map(({ text }) => text);
    if (texts.length > 0) send({ lines: texts, ...(stamps ? { at: gathered.map(({ at }) => at) } : {}) });
    gathered = [];
    size = 0;
  };
  try {
    for await (const line of linesOf(runtime, unit, { lines, follow, since, until, signal })) {
      if (gathered.length === 0) setImmediate(flush);
      gathered.push(line);
      size += line.text.length;
      if (size > batchSize) flush();
    }
  } finally {
    flush();
  }
}

async function* linesOf(runtime: Runtime, unit: string, options: JournalOptions): AsyncGenerator<JournalLine> {
  if (runtime.stampedJournal) yield* runtime.stampedJournal(unit, options);
  else for await (const text of runtime.journal(unit, options)) yield { at: null, text };
}
