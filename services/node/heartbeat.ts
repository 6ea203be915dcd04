import { type Bus, NoRespondersError, RequestTimeoutError } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { LinkedController } from '../../shared/clock/linkedController.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { parseHeartbeatReply } from './parseMessages.ts';

export interface HeartbeatOptions {
  machine: string;
  bus: Bus;
  clock: Clock;
  intervalMs: number;
  beat: () => Heartbeat;
  /** Registers who is told of something that is not to wait for the next heartbeat; returns what ends that. */
  onNews?: (listener: () => void) => () => void;
  /** `sentAt`: when the heartbeat went out that it answers, monotonic ms. */
  onReply: (reply: HeartbeatReply, sentAt: number) => void;
  /** No leader answered, `missed` times in a row. */
  onMissed: (missed: number) => void;
}

/** An answer is waited for this many intervals: on slow links several heartbeats are under way at a time. */
const patience = 4;
/** Heartbeats are this far apart at least, whatever there is to tell, ms. */
const leastIntervalMs = 50;
/** Of so many answers the middle one says how long they take: one that took long once means nothing. */
const remembered = 7;
/** Answers that are faster than this are not worth telling, ms. */
const promptMs = 100;

/** Tells the leader every `intervalMs` that this machine is there, until `signal` aborts. Never rejects for want of one. */
export async function runHeartbeat(options: HeartbeatOptions, signal: AbortSignal): Promise<void> {
  const { clock, intervalMs, beat, onReply, onMissed, onNews } = options;
  const took: number[] = [];
  let missed = 0;
  const settle = (reply: HeartbeatReply | null, sentAt: number) => {
    if (signal.aborted) return;
    missed = reply ? 0 : missed + 1;
    if (!reply) return onMissed(missed);
    took.push(clock.monotonicNow() - sentAt);
    if (took.length > remembered) took.shift();
    onReply(reply, sentAt);
  };
  const over = new LinkedController(signal);
  const pause = new Pause(clock, over.signal);
  const quiet = onNews?.(() => pause.cutShort());
  while (!over.signal.aborted) {
    const sentAt = clock.monotonicNow();
    const answeredInMs = median(took);
    sendBeat(options, { ...beat(), ...(answeredInMs > promptMs ? { answeredInMs } : {}) }).then(
      (reply) => settle(reply, sentAt),
      (error) => over.abort(error),
    );
    await pause.for(intervalMs);
  }
  quiet?.();
  if (!signal.aborted) throw over.signal.reason;
}

/** What lies between two heartbeats. */
class Pause {
  readonly #clock: Clock;
  readonly #over: AbortSignal;
  #begunAt = 0;
  #isCutShort = false;
  #end: () => void = () => undefined;

  constructor(clock: Clock, over: AbortSignal) {
    this.#clock = clock;
    this.#over = over;
    over.addEventListener('abort', () => this.#end(), { once: true });
  }

  async for(ms: number): Promise<void> {
    this.#begunAt = this.#clock.monotonicNow();
    this.#isCutShort = false;
    await new Promise<void>((resolve) => {
      const end = () => {
        this.#clock.clearTimeout(timer);
        resolve();
      };
      const timer = this.#clock.setTimeout(end, ms);
      this.#end = end;
      if (this.#over.aborted) end();
    });
  }

  /** However much there is to tell, heartbeats keep their distance. */
  cutShort(): void {
    if (this.#isCutShort) return;
    this.#isCutShort = true;
    const passed = this.#clock.monotonicNow() - this.#begunAt;
    this.#clock.setTimeout(() => this.#end(), Math.max(0, leastIntervalMs - passed));
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** Null: nobody who leads has answered in time. */
export async function sendBeat(
  { machine, bus, intervalMs }: Pick<HeartbeatOptions, 'machine' | 'bus' | 'intervalMs'>,
  heartbeat: Heartbeat,
): Promise<HeartbeatReply | null> {
  try {
    const timeoutMs = patience * intervalMs;
    return parseHeartbeatReply(
      (await bus.request(subjects.heartbeat(machine), encodeJson(heartbeat), { timeoutMs })).data,
    );
  } catch (error) {
    if (error instanceof NoRespondersError || error instanceof RequestTimeoutError) return null;
    throw error;
  }
}
