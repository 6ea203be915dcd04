import type { CommandBody } from '../shared/protocol/commands.ts';
import type { Client } from './client.ts';
import { FailureError } from './errors.ts';

/**
 * Gives a command; resolves with the sequence from which on its effect can be seen.
 * @throws {FailureError} it was refused.
 */
export async function demand(client: Client, body: CommandBody): Promise<number> {
  const reply = await client.command(body);
  if (!reply.ok) throw new FailureError(reply.message, { details: reply.details });
  return reply.seq;
}
