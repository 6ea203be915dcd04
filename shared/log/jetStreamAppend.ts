import { JetStreamApiError } from '@nats-io/jetstream';
import { headers, type Msg } from '@nats-io/transport-node';
import type { NatsLink } from '../bus/natsConnection.ts';
import { decodeJson } from '../protocol/json.ts';
import { askAgain, type Insistence } from './askAgain.ts';
import { untilDisconnect } from './connectionLost.ts';
import type { EventLog } from './eventLog.ts';
import { idHeader } from './jetStreamRecord.ts';

type Append = Parameters<EventLog['append']>[0];
type ApiError = ConstructorParameters<typeof JetStreamApiError>[0];

/**
 * Sends a message to a stream at once; resolves when it is stored. As the client's own `publish`, whose requests cost more
 * than the rest of a small append.
 * @throws {JetStreamApiError} the server's own answer; anything else leaves it open whether the message is stored,
 *   but for NATS's `InvalidArgumentError`: it was not sent.
 */
export async function sendAppend(
  link: NatsLink,
  { stream, insistence }: { stream: string; insistence: Insistence },
  { subject, id, data, expectedSeq }: Append,
): Promise<{ seq: number }> {
  const conditions = headers();
  conditions.set(idHeader, id);
  conditions.set('Nats-Expected-Stream', stream);
  conditions.set('Nats-Expected-Last-Subject-Sequence', String(expectedSeq));
  const ask = (timeoutMs: number) => link.requests.ask(subject, data, { timeoutMs, headers: conditions });
  // Its id makes it one message, however often it is sent.
  return { seq: readAck(await untilDisconnect(link, () => askAgain(ask, insistence))) };
}

function readAck({ data }: Msg): number {
  const { error, seq } = decodeJson<{ error?: ApiError; seq?: number }>(data);
  if (error !== undefined) throw new JetStreamApiError(error);
  if (seq === undefined) throw new Error('JetStream answered without a sequence');
  return seq;
}
