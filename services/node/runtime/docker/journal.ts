/**
 * A unit's journal: the engine's log of its container, and what its control commands printed, in the order of time. A
 * reader that follows goes on with the unit's next container, and over an engine that goes away and comes back.
 */
import { type Clock, delay } from '../../../../shared/clock/clock.ts';
import { isWithin, type JournalLine, type JournalOptions } from '../runtime.ts';
import type { ControlOutput } from './controlOutput.ts';
import { type Engine, EngineError, EngineUnreachableError, isMissing } from './engine.ts';
import { labelFilter } from './labels.ts';
import { readStampedLines, type StampedLine } from './lines.ts';

export interface JournalContext {
  engine: Engine;
  clock: Clock;
  node: string;
  starts: StartNotices;
  output: ControlOutput;
}

/** @throws {EngineUnreachableError} only without `follow`: a reader that follows waits. */
export async function* readJournal(
  context: JournalContext,
  unit: string,
  options: JournalOptions,
): AsyncGenerator<JournalLine> {
  const { lines, follow, signal } = options;
  // Of its own, so that a reader who just walks away ends it too.
  const ending = new AbortController();
  const end = () => ending.abort();
  if (signal.aborted) end();
  signal.addEventListener('abort', end);
  const channel = createChannel(ending.signal);
  const printed = context.output.recent(unit);
  const unsubscribe = context.output.subscribe(unit, channel.push);
  try {
    const reader = new LogReader(context, unit, ending.signal);
    // Which of the lines are the last ones before a moment is known when all have been read.
    const tail = options.since === undefined && options.until === undefined ? lines : undefined;
    const past = [...(await reader.readLast(tail, follow)), ...printed].filter((line) =>
      isWithin(timed(line), options),
    );
    yield* lastLines(past, lines).map(timed);
    if (!follow) return;
    reader.follow(channel.push).catch(channel.fail);
    for await (const line of channel.lines()) yield timed(line);
  } finally {
    end();
    unsubscribe();
    signal.removeEventListener('abort', end);
  }
}

const keptOfEach = 200;
const keepMs = 5_000;

/** Keeps the last output of the unit's container, which is about to be removed. */
export async function keepJournal(context: JournalContext, unit: string): Promise<void> {
  const reader = new LogReader(context, unit, AbortSignal.timeout(keepMs));
  context.output.keep(unit, await reader.readLast(keptOfEach, false));
}

function timed({ stamp, text }: StampedLine): JournalLine {
  return { at: stamp === '' ? null : Date.parse(stamp), text };
}

function lastLines(lines: StampedLine[], count: number): StampedLine[] {
  const sorted = lines.sort((a, b) => (a.stamp < b.stamp ? -1 : a.stamp > b.stamp ? 1 : 0));
  return sorted.slice(Math.max(0, sorted.length - count));
}

const retryMs = 500;

/** Reads the logs of a unit's containers, one after the other. */
class LogReader {
  readonly #context: JournalContext;
  readonly #unit: string;
  readonly #signal: AbortSignal;
  /** Where it stands: in which container, and behind which moment there. */
  #container: string | undefined;
  #stamp = '';

  constructor(context: JournalContext, unit: string, signal: AbortSignal) {
    this.#context = context;
    this.#unit = unit;
    this.#signal = signal;
  }

  /** The last lines of the newest container. A `patient` reader takes an engine that is away for an empty log. */
  async readLast(tail: number | undefined, patient: boolean): Promise<StampedLine[]> {
    const lines: StampedLine[] = [];
    try {
      const container = await this.#newest();
      if (container !== undefined)
        for await (const line of this.#read(container, { ...(tail === undefined ? {} : { tail }), follow: false }))
          lines.push(line);
    } catch (error) {
      if (!patient || !(error instanceof EngineUnreachableError)) throw error;
    }
    return lines;
  }

  /** Hands on each new line until the signal aborts. */
  async follow(push: (line: StampedLine) => void): Promise<void> {
    const { clock, starts } = this.#context;
    while (!this.#signal.aborted) {
      const nextStart = starts.next(this.#unit, this.#signal);
      const ended = await this.#followNewest(push);
      await (ended ? nextStart : delay(clock, retryMs, this.#signal));
    }
  }

  /** True when there is nothing to come from that container any more; false when the log broke off. */
  async #followNewest(push: (line: StampedLine) => void): Promise<boolean> {
    try {
      const container = await this.#newest();
      if (container === undefined) return true;
      for await (const line of this.#read(container, { follow: true })) push(line);
      return (await this.#context.engine.inspectContainer(container))?.running !== true;
    } catch (error) {
      if (!this.#signal.aborted && !(error instanceof EngineUnreachableError)) throw error;
      return false;
    }
  }

  async #newest(): Promise<string | undefined> {
    const { engine, node } = this.#context;
    return (await engine.listContainers(labelFilter({ node, unit: this.#unit, kind: 'main' })))[0]?.id;
  }

  async *#read(container: string, options: { tail?: number; follow: boolean }): AsyncGenerator<StampedLine> {
    const { engine } = this.#context;
    if (container !== this.#container) [this.#container, this.#stamp] = [container, ''];
    const since = this.#stamp;
    const from = since === '' ? {} : { since: secondsOf(since) };
    try {
      const state = await engine.inspectContainer(container);
      const chunks = await engine.logs(container, { ...options, ...from, signal: this.#signal });
      for await (const line of readStampedLines(chunks, state?.tty === true)) {
        // The moment itself was read before.
        if (line.stamp <= since) continue;
        if (line.stamp > this.#stamp) this.#stamp = line.stamp;
        yield line;
      }
    } catch (error) {
      if (isMissing(error) || this.#signal.aborted) return;
      if (!(error instanceof EngineError)) throw error;
      yield { stamp: '', text: `-- the engine keeps no journal of this container: ${error.message}` };
    }
  }
}

/** The engine's time stamp (RFC 3339) as seconds since 1970, with all its nine decimals. */
function secondsOf(stamp: string): string {
  const decimals = /\.(\d+)/.exec(stamp)?.[1] ?? '0';
  return `${Math.floor(Date.parse(stamp) / 1000)}.${decimals.padEnd(9, '0')}`;
}

/** Lines that several writers push, to be read by one. Ends when the signal aborts. */
function createChannel(signal: AbortSignal) {
  const pending: StampedLine[] = [];
  let failure: unknown;
  let wake = () => {};
  signal.addEventListener('abort', () => wake());
  return {
    push(line: StampedLine) {
      pending.push(line);
      wake();
    },
    fail(error: unknown) {
      failure = error;
      wake();
    },
    async *lines(): AsyncGenerator<StampedLine> {
      while (!signal.aborted) {
        const line = pending.shift();
        if (line !== undefined) yield line;
        else if (failure !== undefined) throw failure;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}

/** Tells those who wait that a unit has a new container. */
export interface StartNotices {
  announce(unit: string): void;
  /** Resolves at the next start of the unit, or when `signal` aborts. */
  next(unit: string, signal: AbortSignal): Promise<void>;
}

export function createStartNotices(): StartNotices {
  const waiting = new Map<string, Set<() => void>>();
  return {
    announce(unit) {
      for (const wake of [...(waiting.get(unit) ?? [])]) wake();
    },
    next(unit, signal) {
      return new Promise((resolve) => {
        const wakers = waiting.get(unit) ?? new Set();
        waiting.set(unit, wakers);
        const wake = () => {
          wakers.delete(wake);
          if (wakers.size === 0) waiting.delete(unit);
          signal.removeEventListener('abort', wake);
          resolve();
        };
        wakers.add(wake);
        if (signal.aborted) wake();
        else signal.addEventListener('abort', wake, { once: true });
      });
    },
  };
}
