import { type Clock, delay } from '../clock/clock.ts';
import { describeError } from './describeError.ts';

/** A process that runs, or has ended. */
export interface Running {
  readonly pid: number;
  readonly exited: Promise<string>;
  stop(): Promise<void>;
}

export interface SuperviseOptions {
  /** For people: `scheduler 1`. */
  name: string;
  start: () => Promise<Running>;
  /** Called with each process that was started, and with null when it has ended. */
  onChange: (running: Running | null) => Promise<void>;
  progress: (line: string) => void;
  clock: Clock;
}

export interface Supervisor {
  /** Ends the process and the supervision. */
  stop(): Promise<void>;
}

const firstBackoffMs = 200;
const longestBackoffMs = 3_000;
/** A process that ran this long did not fail at its start: the next backoff is the first again. */
const settledAfterMs = 30_000;

/**
 * Keeps a process running: started again whenever it ends, at growing intervals while it keeps ending.
 * @throws whatever the first `start` throws; later failures are told by `progress` and tried again.
 */
export async function supervise(options: SuperviseOptions): Promise<Supervisor> {
  const { name, clock, progress } = options;
  const stopping = new AbortController();
  let backoffMs = firstBackoffMs;
  let current: Running | null = null;

  async function start(): Promise<void> {
    const running = await options.start();
    // The stop may have come while it was starting.
    if (stopping.signal.aborted) await running.stop();
    current = running;
    await options.onChange(running);
  }

  async function runToItsEnd(running: Running): Promise<string> {
    const startedAt = clock.monotonicNow();
    const how = await running.exited;
    current = null;
    if (clock.monotonicNow() - startedAt >= settledAfterMs) backoffMs = firstBackoffMs;
    await options.onChange(null);
    return how;
  }

  /** One round: until the process has ended, or could not be started; says why. */
  async function round(): Promise<string> {
    try {
      if (current === null) await start();
      return current === null ? 'has ended' : await runToItsEnd(current);
    } catch (error) {
      return `cannot be kept running (${describeError(error)})`;
    }
  }

  async function loop(): Promise<void> {
    for (;;) {
      const why = await round();
      if (stopping.signal.aborted) return;
      progress(`${name} ${why}: starting it again in ${backoffMs / 1000} s`);
      await delay(clock, backoffMs, stopping.signal);
      if (stopping.signal.aborted) return;
      backoffMs = Math.min(backoffMs * 2, longestBackoffMs);
    }
  }

  await start();
  const looping = loop();
  const stop = async () => {
    stopping.abort();
    await current?.stop();
    await looping;
  };
  return { stop };
}
