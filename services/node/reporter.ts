import { type Clock, delay } from '../../shared/clock/clock.ts';
import { digestReports } from '../../shared/domain/digest.ts';
import type { NodeEvent, UnitReport } from '../../shared/domain/events.ts';
import { FencedError } from '../../shared/log/appendOnce.ts';
import { AppendRefusedError, type EventLog, LogUnavailableError } from '../../shared/log/eventLog.ts';
import { emptyHead } from '../../shared/log/fold.ts';
import type { SubjectWriter } from '../../shared/log/subjectWriter.ts';
import { hashCommit } from '../../shared/protocol/commit.ts';
import { subjects } from '../../shared/protocol/subjects.ts';

export interface Reporter {
  /** Records that a unit's state has changed. */
  report(report: UnitReport, cause: string): void;
  /** Records that the unit is no longer here. */
  forget(unit: string, reason: string): void;
  /** Records that somebody ran a command beside a unit. */
  noteCommand(unit: string, argv: readonly string[], by: string): void;
  /** Makes everything said so far void and says all there is. */
  sync(session: string, reason: string): void;
  /** Of all that was given to `report` and not forgotten. */
  digest(): string;
  /** Resolves once everything is on the log, or the signal has aborted. */
  flush(): Promise<void>;
}

export interface ReporterOptions {
  machine: string;
  log: EventLog;
  writer: SubjectWriter;
  clock: Clock;
  signal: AbortSignal;
  onError: (error: unknown) => void;
}

const maxEventsPerCommit = 500;
const retryMs = 500;

/**
 * Writes what happens on this machine on its own subject: everything in order, what gathers while an append is under
 * way goes out together. While the log is away it keeps what there is to say.
 */
export function createReporter(options: ReporterOptions): Reporter {
  const { machine, clock, signal, onError } = options;
  const known = new Map<string, UnitReport>();
  /** Of `known`; null: it has changed. */
  let digest: string | null = null;
  let queue: { event: NodeEvent; cause: string }[] = [];
  let working: Promise<void> | null = null;
  let headKnown = false;
  let batchSize = maxEventsPerCommit;

  function enqueue(event: NodeEvent, cause: string): void {
    queue.push({ event, cause });
    working ??= work();
  }

  async function work(): Promise<void> {
    // Lets everything that happens in this turn of the event loop go out in one commit.
    await Promise.resolve();
    try {
      while (queue.length > 0 && !signal.aborted) await appendNext();
    } finally {
      // In the same breath as the look at the queue: what is enqueued from now on starts the work anew.
      working = null;
    }
  }

  async function appendNext(): Promise<void> {
    const taken = queue;
    const batch = taken.slice(0, batchSize);
    if (!(await tryAppend(batch))) await delay(clock, retryMs, signal);
    // A sync in the meantime has put another queue in its place, which may have a part of the old one.
    else queue = queue === taken ? taken.slice(batch.length) : queue.filter((each) => !batch.includes(each));
  }

  async function tryAppend(batch: typeof queue): Promise<boolean> {
    try {
      if (!headKnown) await readHead();
      const cause = batch[0]?.cause ?? '';
      const events = batch.map(({ event, cause: own }) => (own === cause ? event : { ...event, cause: own }));
      await options.writer.append({ cause, events });
      batchSize = maxEventsPerCommit;
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      // Only this node writes here: after a foreign write it reads where the subject ends, and goes on from there.
      if (error instanceof FencedError) headKnown = false;
      // It may have been too large.
      else if (error instanceof AppendRefusedError) batchSize = Math.max(1, Math.floor(batchSize / 2));
      else if (!(error instanceof LogUnavailableError)) throw error;
      onError(error);
      return false;
    }
  }

  async function readHead(): Promise<void> {
    const last = await options.log.last(subjects.nodeLog(machine));
    options.writer.reset(last ? { seq: last.seq, hash: hashCommit(last.data) } : emptyHead);
    headKnown = true;
  }

  return {
    report(report, cause) {
      known.set(report.unit, report);
      digest = null;
      enqueue({ type: 'UnitStateReported', machine, ...report }, cause);
    },
    forget(unit, reason) {
      if (!known.delete(unit)) return;
      digest = null;
      enqueue({ type: 'UnitStateForgotten', machine, unit, reason }, reason);
    },
    noteCommand: (unit, argv, by) =>
      enqueue({ type: 'UnitCommandRun', machine, unit, by, argv: [...argv] }, `exec by ${by}`),
    sync(session, reason) {
      // What somebody did stays true.
      queue = queue.filter(({ event }) => event.type === 'UnitCommandRun');
      enqueue({ type: 'NodeSynced', machine, session, reason }, reason);
      for (const report of known.values()) enqueue({ type: 'UnitStateReported', machine, ...report }, reason);
    },
    digest() {
      digest ??= digestReports(known.values());
      return digest;
    },
    async flush() {
      while (working) await working;
    },
  };
}
