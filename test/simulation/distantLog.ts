/**
 * A log as one actor has it, over the roads: requests and answers take their time and get lost. What was sent arrives
 * even if its sender is dead by then.
 */
import type { Clock } from '../../shared/clock/clock.ts';
import {
  AppendRefusedError,
  type EventLog,
  type LogRecord,
  LogUnavailableError,
  OutcomeUnknownError,
  WrongSequenceError,
} from '../../shared/log/eventLog.ts';
import type { Situation } from './coverage.ts';
import { type Life, never } from './life.ts';
import { logParty, type Roads } from './roads.ts';
import type { AppendStage } from './schedule.ts';

export interface DistantLogOptions {
  /** The actor. */
  name: string;
  life: Life;
  /** True time. */
  clock: Clock;
  roads: Roads;
  log: EventLog;
  /** What becomes of this actor's appends at the moment; null: what becomes of everybody's. */
  fate: () => 'stored' | 'late' | 'lost' | null;
  note: (what: Situation) => void;
  /** Told how far an append on the subject has got, before the actor is. It may be the end of its life. */
  onAppend: (subject: string, stage: AppendStage) => void;
}

/** As the log's client waits. */
const timeoutMs = 2_000;
/** Later than its sender waits. */
const lateMs = 3_000;

export interface DistantLog extends EventLog {
  /** The connection is lost, and known to be: what is under way fails at once. */
  setConnected(connected: boolean): void;
}

export function createDistantLog(options: DistantLogOptions): DistantLog {
  const { name, life, clock, roads, log, fate, onAppend, note } = options;
  const pending = new Set<() => void>();
  let connected = true;

  /** A request over the roads and its answer; `fail` when there is none. */
  function ask<T>(work: () => Promise<T>, fail: (why: string) => Error, outMs: number | undefined, answered: boolean) {
    return new Promise<T>((resolve, reject) => {
      const done = (settle: () => void) => {
        pending.delete(lost);
        clock.clearTimeout(timer);
        settle();
      };
      const lost = () => done(() => reject(fail('the connection was lost')));
      const timer = clock.setTimeout(() => done(() => reject(fail(`no answer in ${timeoutMs} ms`))), timeoutMs);
      if (!connected) return lost();
      pending.add(lost);
      if (outMs === undefined) return;
      const answer = (settle: () => void) => {
        const [backMs] = answered ? roads.travel(logParty, name) : [];
        if (backMs !== undefined) clock.setTimeout(() => done(settle), backMs);
      };
      clock.setTimeout(() => {
        work().then(
          (value) => answer(() => resolve(value)),
          (error) => answer(() => reject(error)),
        );
      }, outMs);
    });
  }

  const unavailable = (why: string) => new LogUnavailableError(`the log is out of reach: ${why}`);
  const unknown = (why: string) => new OutcomeUnknownError(`it is not known whether it was stored: ${why}`);
  const read = <T>(work: () => Promise<T>) =>
    life.settle(ask(work, unavailable, roads.travel(name, logParty)[0], true));

  function noteFailure(error: unknown): void {
    if (error instanceof OutcomeUnknownError) note('appends whose outcome was unknown');
    else if (error instanceof WrongSequenceError) note('appends that were fenced');
    else if (error instanceof AppendRefusedError) note('appends that were refused');
  }

  async function arrive(): Promise<void> {
    while (!connected || !roads.reaches(logParty, name)) await roads.healed();
    await new Promise<void>((resolve) => clock.setTimeout(resolve, roads.latencyMs()));
  }

  return {
    append: (message) => {
      onAppend(message.subject, 'before');
      if (life.isOver) return never();
      const fated = fate();
      const [travelMs] = roads.travel(name, logParty);
      const outMs = fated === 'lost' || travelMs === undefined ? undefined : fated === 'late' ? lateMs : travelMs;
      const data = message.data.slice();
      const asked = ask(() => log.append({ ...message, data }), unknown, outMs, fated === null);
      onAppend(message.subject, 'during');
      return life.settle(
        asked.then(
          (stored) => {
            onAppend(message.subject, 'after');
            return stored;
          },
          (error) => {
            noteFailure(error);
            throw error;
          },
        ),
      );
    },
    last: (subject) => read(() => log.last(subject)),
    bounds: () => read(() => log.bounds()),
    async *tail(tailing): AsyncGenerator<LogRecord> {
      const { onIdle } = tailing;
      const inner = log.tail({ ...tailing, ...(onIdle ? { onIdle: () => life.run(onIdle) } : {}) });
      for await (const record of inner) {
        await life.settle(arrive());
        if (tailing.signal.aborted) return;
        yield record;
      }
    },
    setConnected: (now) => {
      connected = now;
      if (now) roads.wake();
      else for (const lost of [...pending]) lost();
    },
  };
}
