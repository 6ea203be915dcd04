import { type Bus, NoRespondersError, RequestTimeoutError } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { promptAnswerMs } from '../../shared/domain/promptAnswer.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { HeartbeatReplies } from './parseMessages.ts';

export interface HeartbeatOptions {
  machine: string;
  bus: Bus;
  clock: Clock;
  intervalMs: number;
  beat: () => Heartbeat;
  /** How long answers have taken so far: of links, not of this beating. */
  times: AnswerTimes;
  /** Registers who is told of something that is not to wait for the next heartbeat; returns what ends that. */
  onNews: (listener: () => void) => () => void;
  /** `sentAt`: when the heartbeat went out that it answers, monotonic ms. */
  onReply: (reply: HeartbeatReply, sentAt: number) => void;
  /** No leader answered in time, `missed` times in a row. */
  onMissed: (missed: number) => void;
  /** There will be no more heartbeats: they cannot be sent. */
  onError: (error: unknown) => void;
}

/** An answer that takes more intervals than these is missed: on slow links several heartbeats are under way at a time. */
const patience = 4;
/** One that was missed counts all the same when it comes, ms: it renews leases from when its heartbeat was sent. */
const answerTimeoutMs = 10_000;
/** Heartbeats are this far apart at least, whatever there is to tell, ms. */
const leastIntervalMs = 50;
/** Of so many answers the middle one says how long they take: one that took long once means nothing. */
const remembered = 7;

/** How long answers to heartbeats take. */
export class AnswerTimes {
  readonly #lately: number[] = [];

  note(ms: number): void {
    this.#lately.push(ms);
    if (this.#lately.length > remembered) this.#lately.shift();
  }

  /** As a heartbeat says it: absent where answers are prompt, or there were none yet. */
  toTell(): Pick<Heartbeat, 'answeredInMs'> {
    const answeredInMs = this.#lately.toSorted((a, b) => a - b)[this.#lately.length >> 1] ?? 0;
    return answeredInMs > promptAnswerMs ? { answeredInMs } : {};
  }
}

/**
 * Tells the leader every `intervalMs` that this machine is there, until the function that it returns is called. It is
 * nearly all that an idle machine does, and costs what it wakes up for: one timer, one message, one answer.
 */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  const { clock, intervalMs, beat, times, onReply, onMissed, onNews, onError } = options;
  const ask = createAsker(options);
  /** When those were sent that are neither answered nor missed. */
  const open = new Set<number>();
  let answeredSentAt = Number.NEGATIVE_INFINITY;
  let missed = 0;
  let isOver = false;
  let timer: unknown;
  let lastSentAt = 0;
  let isHurrying = false;

  function send(): void {
    const sentAt = clock.monotonicNow();
    for (const earlier of open) if (sentAt - earlier >= patience * intervalMs) miss(earlier);
    open.add(sentAt);
    lastSentAt = sentAt;
    isHurrying = false;
    ask({ ...beat(), ...times.toTell() }).then((reply) => settle(reply, sentAt), fail);
    timer = clock.setTimeout(send, intervalMs);
  }

  function settle(reply: HeartbeatReply | null, sentAt: number): void {
    if (isOver) return;
    if (!reply) return miss(sentAt);
    missed = 0;
    open.delete(sentAt);
    times.note(clock.monotonicNow() - sentAt);
    // One that was overtaken has nothing to say any more.
    if (sentAt < answeredSentAt) return;
    answeredSentAt = sentAt;
    onReply(reply, sentAt);
  }

  function miss(sentAt: number): void {
    if (open.delete(sentAt)) onMissed(++missed);
  }

  /** However much there is to tell, heartbeats keep their distance. */
  function hurry(): void {
    if (isHurrying) return;
    isHurrying = true;
    clock.clearTimeout(timer);
    timer = clock.setTimeout(send, Math.max(0, leastIntervalMs - (clock.monotonicNow() - lastSentAt)));
  }

  function end(): void {
    isOver = true;
    clock.clearTimeout(timer);
    ignoreNews();
  }

  function fail(error: unknown): void {
    if (isOver) return;
    end();
    onError(error);
  }

  const ignoreNews = onNews(hurry);
  send();
  return end;
}

/** What sends a heartbeat and resolves with the answer; null: nobody who leads has answered. */
export function createAsker({
  machine,
  bus,
}: Pick<HeartbeatOptions, 'machine' | 'bus'>): (heartbeat: Heartbeat) => Promise<HeartbeatReply | null> {
  const subject = subjects.heartbeat(machine);
  const replies = new HeartbeatReplies();
  const unanswered = (error: unknown) => {
    if (error instanceof NoRespondersError || error instanceof RequestTimeoutError) return null;
    throw error;
  };
  return (heartbeat) =>
    bus
      .request(subject, encodeJson(heartbeat), { timeoutMs: answerTimeoutMs })
      .then(({ data }) => replies.read(data), unanswered);
}
