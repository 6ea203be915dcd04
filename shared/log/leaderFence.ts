/**
 * The fence of a role: one subject that candidates write on by compare-and-append. The sequence of a candidate's
 * message is its epoch; the leader's later messages, which prove that it still leads, carry that epoch on.
 */
import type { Clock } from '../clock/clock.ts';
import { shareNext } from '../clock/shareNext.ts';
import { type Role, subjects } from '../protocol/subjects.ts';
import { appendOnce, FencedError, readLast } from './appendOnce.ts';
import type { EventLog, LogRecord } from './eventLog.ts';

/** What the fence's last message says. */
export interface FenceState {
  /** Its sequence; 0: there is none. */
  seq: number;
  /** Of the candidate that won last. */
  epoch: number;
}

export interface Fence {
  /** @throws {LogUnavailableError} `signal` aborted before the log answered. */
  read(signal: AbortSignal): Promise<FenceState>;
  /**
   * Becomes the leader after `at`.
   * @throws {FencedError} somebody else was faster.
   * @throws {AppendRefusedError | OutcomeUnknownError}
   */
  campaign(at: FenceState, signal: AbortSignal): Promise<FenceState>;
  /**
   * Proves that nobody has campaigned since `at`.
   * @throws {FencedError} somebody has.
   * @throws {AppendRefusedError | OutcomeUnknownError}
   */
  prove(at: FenceState, signal: AbortSignal): Promise<FenceState>;
}

export interface FenceOptions {
  role: Role;
  /** The candidate. */
  id: string;
  /** On the stream of fences. */
  log: EventLog;
  ids: () => string;
  clock: Clock;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function createFence({ role, id: leader, log, ids, clock }: FenceOptions): Fence {
  const subject = subjects.fence(role);
  const append = (at: FenceState, content: object, signal: AbortSignal) => {
    const data = encoder.encode(JSON.stringify({ leader, ...content }));
    return appendOnce({ log, clock, signal }, { subject, id: ids(), data, expectedSeq: at.seq });
  };
  return {
    read: async (signal) => fenceState(await readLast({ log, clock, signal }, subject)),
    campaign: async (at, signal) => {
      const seq = await append(at, {}, signal);
      return { seq, epoch: seq };
    },
    prove: async (at, signal) => {
      const seq = await append(at, { epoch: at.epoch }, signal);
      return { seq, epoch: at.epoch };
    },
  };
}

function fenceState(record: LogRecord | null): FenceState {
  if (record === null) return { seq: 0, epoch: 0 };
  const { epoch } = JSON.parse(decoder.decode(record.data));
  return { seq: record.seq, epoch: typeof epoch === 'number' ? epoch : record.seq };
}

/** One candidate's time in office. */
export interface Term {
  readonly epoch: number;
  /** Aborts when the term is over. */
  readonly signal: AbortSignal;
  /**
   * Proves that this candidate still leads, by an append that begins after the call. Calls that wait share one.
   * @throws {FencedError} it does not, or its term ended while the proof was under way.
   */
  prove(): Promise<void>;
  /** When the last append began that proved it, whoever had asked for it, monotonic ms; −∞: there was none. */
  readonly provenAt: number;
  end(): void;
}

export function createTerm(fence: Fence, won: FenceState, clock: Clock): Term {
  const over = new AbortController();
  let at = won;
  let provenAt = Number.NEGATIVE_INFINITY;

  async function proveOnce(): Promise<void> {
    if (over.signal.aborted) throw new FencedError(`the term of epoch ${won.epoch} is over`);
    const beganAt = clock.monotonicNow();
    try {
      at = await fence.prove(at, over.signal);
      provenAt = beganAt;
    } catch (cause) {
      if (!over.signal.aborted) throw cause;
      throw new FencedError(`the term of epoch ${won.epoch} ended before it could be proven`, { cause });
    }
  }

  return {
    epoch: won.epoch,
    signal: over.signal,
    // A proof that is under way may have been sent before the call, and proves nothing for it.
    prove: shareNext(proveOnce),
    get provenAt() {
      return provenAt;
    },
    end: () => over.abort(),
  };
}
