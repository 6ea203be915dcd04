import type { Bus, Subscription } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import { type JournalReply, type JournalRequest, journalKeepAliveMs } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import type { Runtime } from './runtime/runtime.ts';

export interface JournalServiceOptions {
  machine: string;
  bus: Bus;
  clock: Clock;
  runtimes: Runtime[];
  hasUnit: (unit: string) => boolean;
}

/** A journal that somebody follows. */
interface Stream {
  stop: AbortController;
  /** Until when it is kept up, on the monotonic clock. */
  wantedUntil: number;
}

const batchBytes = 64 * 1024;

/** Answers requests for the journals of this machine's units. Returns what ends the service. */
export function serveJournals(options: JournalServiceOptions): Subscription {
  const { machine, bus, clock } = options;
  const streams = new Map<string, Stream>();
  const subscription = bus.subscribe(subjects.journal(machine), (message) => {
    const request = decodeJson<JournalRequest>(message.data);
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

async function answer(options: JournalServiceOptions, request: JournalRequest, stream: Stream) {
  const { bus, clock, runtimes, hasUnit } = options;
  const send = (reply: JournalReply) => bus.publish(request.replyTo, encodeJson(reply));
  if (!hasUnit(request.unit)) return send({ end: true, error: `unit ${request.unit} is not on this machine` });
  if (request.follow) watchInterest(clock, stream);
  try {
    await Promise.all(runtimes.map((runtime) => pump(runtime, request, stream.stop.signal, send)));
    send({ end: true });
  } catch (error) {
    send({ end: true, error: `the journal of ${request.unit} cannot be read: ${(error as Error).message}` });
  }
}

/** Ends a followed stream when nobody has asked for it again for some time. */
function watchInterest(clock: Clock, stream: Stream): void {
  const left = stream.wantedUntil - clock.monotonicNow();
  if (left <= 0) return stream.stop.abort();
  const timer = clock.setTimeout(() => watchInterest(clock, stream), left);
  stream.stop.signal.addEventListener('abort', () => clock.clearTimeout(timer), { once: true });
}

/** Sends a runtime's lines: gathered while there are many of them at once, one by one when they come one by one. */
async function pump(
  runtime: Runtime,
  { unit, lines, follow }: JournalRequest,
  signal: AbortSignal,
  send: (reply: JournalReply) => void,
): Promise<void> {
  let gathered: string[] = [];
  let bytes = 0;
  const flush = () => {
    if (gathered.length > 0) send({ lines: gathered });
    gathered = [];
    bytes = 0;
  };
  for await (const line of runtime.journal(unit, { lines, follow, signal })) {
    if (gathered.length === 0) setImmediate(flush);
    gathered.push(line);
    bytes += line.length;
    if (bytes > batchBytes) flush();
  }
  flush();
}
