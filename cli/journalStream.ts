import { type Bus, RequestTimeoutError } from '../shared/bus/bus.ts';
import { type Clock, delay } from '../shared/clock/clock.ts';
import { decodeJson, encodeJson } from '../shared/protocol/json.ts';
import { type JournalReply, type JournalRequest, journalKeepAliveMs } from '../shared/protocol/node.ts';
import { subjects } from '../shared/protocol/subjects.ts';
import { FailureError } from './errors.ts';
import { nodeGone } from './nodeGone.ts';

export interface JournalWish {
  unit: string;
  /** How many lines of the past. */
  lines: number;
  follow: boolean;
  /** Of the past only what came at or after, and not later than, these moments: ms since 1970. */
  since?: number | undefined;
  until?: number | undefined;
}

export interface JournalLine {
  /** When it came, ms since 1970; null: nobody knows. */
  at: number | null;
  text: string;
}

interface StreamParts {
  bus: Bus;
  clock: Clock;
  ids: () => string;
}

const answerTimeoutMs = 3_000;
/** A node may be busy for a moment, or its connection away: two missed answers are forgiven. */
const missesForgiven = 2;

/**
 * A unit's output on a machine, line by line. A node that goes away is noticed by asking again and again, which is also
 * what keeps a followed stream alive.
 * @throws {FailureError} the node is not there (any more), or has no such journal.
 */
export async function* streamJournal(
  parts: StreamParts,
  machine: string,
  wish: JournalWish,
): AsyncGenerator<JournalLine, void, undefined> {
  const { bus, ids } = parts;
  const over = new AbortController();
  const replies = new Replies();
  const request: JournalRequest = { id: ids(), ...wish, stamps: true, replyTo: bus.createInbox() };
  const subscription = bus.subscribe(request.replyTo, ({ data }) => replies.push(decodeJson(data)));
  keepAsking(parts, machine, request, over.signal).catch((error) => replies.fail(error));
  try {
    for await (const reply of replies) {
      if ('lines' in reply) yield* reply.lines.map((text, i) => ({ text, at: reply.at?.[i] ?? null }));
      else if (reply.error !== undefined) throw new FailureError(reply.error);
      else return;
    }
  } finally {
    subscription.unsubscribe();
    over.abort();
  }
}

/** Ends when `signal` aborts; rejects when the node is gone. */
async function keepAsking(
  { bus, clock }: StreamParts,
  machine: string,
  request: JournalRequest,
  signal: AbortSignal,
): Promise<void> {
  // A node that was started again meanwhile goes on with what is new; it has shown the past before.
  const again = encodeJson({ ...request, lines: 0 });
  for (let misses = 0, data = encodeJson(request); !signal.aborted; ) {
    try {
      await bus.request(subjects.journal(machine), data, { timeoutMs: answerTimeoutMs });
      misses = 0;
      data = again;
    } catch (error) {
      if (signal.aborted) return;
      misses += 1;
      if (isGone(error, misses)) throw nodeGone(machine, error);
    }
    await delay(clock, journalKeepAliveMs / 4, signal);
  }
}

function isGone(error: unknown, misses: number): boolean {
  return !(error instanceof RequestTimeoutError) || misses > missesForgiven;
}

/** Replies in the order that they came; what fails ends them, after those that came before. */
class Replies {
  readonly #queue: JournalReply[] = [];
  #failure: { error: unknown } | null = null;
  #wake: () => void = () => {};

  push(reply: JournalReply): void {
    this.#queue.push(reply);
    this.#wake();
  }

  fail(error: unknown): void {
    this.#failure = { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<JournalReply, void, undefined> {
    for (;;) {
      const reply = this.#queue.shift();
      if (reply !== undefined) yield reply;
      else if (this.#failure !== null) throw this.#failure.error;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
