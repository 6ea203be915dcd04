import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsLink } from '../bus/natsConnection.ts';
import { LogUnavailableError } from './eventLog.ts';
import { messageOf } from './jetStreamErrors.ts';
import type { LogRetention } from './logRetention.ts';

/** On one stream of JetStream. */
export function createJetStreamRetention(link: NatsLink, { stream }: { stream: string }): LogRetention {
  return {
    forgetBefore: async (seq) => {
      try {
        const jsm = await jetstreamManager(link.nc, { checkAPI: false });
        await jsm.streams.purge(stream, { seq });
      } catch (cause) {
        throw new LogUnavailableError(`the stream ${stream} cannot be shortened: ${messageOf(cause)}`, { cause });
      }
    },
  };
}
