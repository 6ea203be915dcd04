import type { NatsLink } from '../bus/natsConnection.ts';

/** The connection went away, and the answer to a request with it. */
export class ConnectionLostError extends Error {
  override readonly name = 'ConnectionLostError';
}

/**
 * The answer to a request, or {@link ConnectionLostError} as soon as the connection is away: nobody need wait for the
 * time-out of an answer that will not come.
 */
export async function untilDisconnect<T>(link: NatsLink, ask: () => Promise<T>): Promise<T> {
  if (!link.connected) throw new ConnectionLostError('the connection to NATS is away');
  let stop: (() => void) | undefined;
  const lost = new Promise<never>((_, reject) => {
    stop = link.onConnectionChange(() => reject(new ConnectionLostError('the connection to NATS was lost')));
  });
  const answer = ask();
  // Of a request that was given up, nobody hears the time-out.
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, lost]);
  } finally {
    stop?.();
  }
}
