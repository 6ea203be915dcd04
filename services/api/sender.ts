import { NoLeaderError } from '../../shared/bus/askPatiently.ts';
import type { Bus } from '../../shared/bus/bus.ts';
import { sendCommand } from '../../shared/bus/sendCommand.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import type { CommandBody, CommandReply } from '../../shared/protocol/commands.ts';
import { HttpError } from './httpError.ts';

export interface SenderOptions {
  bus: Bus;
  clock: Clock;
  ids: () => string;
}

/** Gives a command to whoever leads, for somebody, and resolves with the sequence that has its effect. */
export type Sender = (body: CommandBody, by: string) => Promise<number>;

/** fleetctl gives a request 3 s. */
const patienceMs = 2_500;

/** What a refusal is in HTTP; any other is a conflict with what is so. */
const statuses: Partial<Record<Extract<CommandReply, { ok: false }>['code'], number>> = {
  'invalid-unit': 400,
  'invalid-command': 400,
  'unit-not-found': 404,
  'machine-not-found': 404,
  'too-large': 413,
  'log-refused': 507,
};

/** @throws {HttpError} (from the sender) the command was refused, or nobody leads. */
export function createSender({ bus, clock, ids }: SenderOptions): Sender {
  return async (body, by) => {
    const reply = await sendCommand({ ...body, id: ids(), by }, { bus, clock, timeoutMs: patienceMs }).catch(
      unavailable,
    );
    if (reply.ok) return reply.seq;
    throw new HttpError(statuses[reply.code] ?? 409, [reply.message, ...reply.details].join('; '));
  };
}

function unavailable(error: unknown): never {
  if (error instanceof NoLeaderError) throw new HttpError(503, `no scheduler answers: ${error.message}`);
  throw error;
}
