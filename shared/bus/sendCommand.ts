import type { Command, CommandReply } from '../protocol/commands.ts';
import { decodeJson, encodeJson } from '../protocol/json.ts';
import { subjects } from '../protocol/subjects.ts';
import { askPatiently, type Patience } from './askPatiently.ts';
import type { Bus } from './bus.ts';

export interface SendCommandOptions extends Omit<Patience, 'attemptMs'> {
  bus: Bus;
  /** {@link Patience.attemptMs}; default 1 s. */
  attemptMs?: number;
}

/**
 * Gives a command to whoever leads. While nobody leads, or no answer comes, it is given again with the same id, so that
 * it takes effect once. Refusals are answers.
 * @throws {NoLeaderError} nobody answered in time.
 */
export function sendCommand(command: Command, options: SendCommandOptions): Promise<CommandReply> {
  const { bus, attemptMs = 1_000 } = options;
  const data = encodeJson(command);
  return askPatiently(
    async (timeoutMs) => {
      const reply = decodeJson<CommandReply>((await bus.request(subjects.clusterCommands, data, { timeoutMs })).data);
      const isLate = !reply.ok && reply.code === 'not-leading';
      return isLate ? { retry: 'the scheduler that was asked no longer leads' } : { value: reply };
    },
    { ...options, attemptMs },
  );
}
