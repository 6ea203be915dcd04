import { type Clock, delay } from '../clock/clock.ts';
import type { Command, CommandReply } from '../protocol/commands.ts';
import { decodeJson, encodeJson } from '../protocol/json.ts';
import { subjects } from '../protocol/subjects.ts';
import { type Bus, NoRespondersError, RequestTimeoutError } from './bus.ts';

export interface SendCommandOptions {
  bus: Bus;
  clock: Clock;
  /** How long one attempt waits for its answer, ms. */
  attemptMs?: number;
  /** How long it is tried in all, ms. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Called before each further attempt, with why the last one failed. */
  onRetry?: (reason: string) => void;
}

const retryMs = 200;

/**
 * Gives a command to whoever leads. While nobody leads, or no answer comes, it is given again with the same id, so that
 * it takes effect once. Refusals are answers.
 * @throws {NoLeaderError} nobody answered in time. Whether it took effect is not known, unless nobody ever listened.
 */
export async function sendCommand(command: Command, options: SendCommandOptions): Promise<CommandReply> {
  const { bus, clock, attemptMs = 5_000, timeoutMs, signal, onRetry } = options;
  const data = encodeJson(command);
  const deadline = clock.monotonicNow() + timeoutMs;
  for (;;) {
    const reason = await attempt();
    if (typeof reason !== 'string') return reason;
    if (signal?.aborted || clock.monotonicNow() + retryMs >= deadline) throw new NoLeaderError(reason);
    onRetry?.(reason);
    await delay(clock, retryMs, signal);
  }

  /** The answer, or why there is none. */
  async function attempt(): Promise<CommandReply | string> {
    try {
      const left = Math.max(1, deadline - clock.monotonicNow());
      const message = await bus.request(subjects.clusterCommands, data, { timeoutMs: Math.min(attemptMs, left) });
      const reply = decodeJson<CommandReply>(message.data);
      return !reply.ok && reply.code === 'not-leading' ? 'the scheduler that was asked no longer leads' : reply;
    } catch (error) {
      if (error instanceof NoRespondersError) return 'no scheduler leads';
      if (error instanceof RequestTimeoutError) return 'the scheduler does not answer';
      throw error;
    }
  }
}

/** Nobody who leads answered in time. */
export class NoLeaderError extends Error {
  override readonly name = 'NoLeaderError';
}
