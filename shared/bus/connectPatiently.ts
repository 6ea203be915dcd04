import { type Clock, delay } from '../clock/clock.ts';
import { connectNats, type NatsConnectOptions, type NatsLink, NatsUnreachableError } from './natsConnection.ts';

const retryMs = 250;
/** So often it is said that there is still nobody, ms. */
const remindMs = 10_000;

/**
 * Connects as services do: a server that is not there yet, or for the moment, is waited for. `onWaiting` is told why.
 * @throws {NatsAuthorizationError | NatsServerTooOldError} waiting would not help.
 */
export async function connectPatiently(
  options: NatsConnectOptions,
  { clock, onWaiting }: { clock: Clock; onWaiting: (reason: string) => void },
): Promise<NatsLink> {
  let saidAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    try {
      return await connectNats(options);
    } catch (error) {
      if (!(error instanceof NatsUnreachableError)) throw error;
      if (clock.monotonicNow() - saidAt >= remindMs) {
        saidAt = clock.monotonicNow();
        onWaiting(error.message);
      }
    }
    await delay(clock, retryMs);
  }
}
