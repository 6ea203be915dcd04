import type { Bus, BusMessage, Subscription } from '../../../shared/bus/bus.ts';
import type { Clock } from '../../../shared/clock/clock.ts';
import { encodeJson } from '../../../shared/protocol/json.ts';
import type { KvQueryReply } from '../../../shared/protocol/kv.ts';
import type { StreamReply } from '../../../shared/protocol/kvWatch.ts';
import { subjects } from '../../../shared/protocol/subjects.ts';
import type { KvService } from '../kvService.ts';
import { answerQuery } from './answerQuery.ts';
import { encodeQueryReply } from './encodeReply.ts';
import { parseQuery } from './parseQuery.ts';
import { parseStream } from './parseStream.ts';
import { Streams } from './streams.ts';

export interface NativeApiOptions {
  bus: Bus;
  clock: Clock;
  service: KvService;
  onError: (error: unknown) => void;
}

/** Any store answers, each question one of them. */
const queue = 'kv';

/**
 * The store's own face on NATS: answers queries and sends streams. Commands are the leader's, which listens for them
 * itself. Returns what ends it.
 */
export function serveNative(options: NativeApiOptions): Subscription {
  const { bus, service, onError } = options;
  const streams = new Streams(options);
  const query = (message: BusMessage) => void answer(options, message).catch(onError);
  const stream = (message: BusMessage) => void answerStream(streams, message).catch(onError);
  const subscriptions = [
    bus.subscribe(subjects.kvQueries, query, { queue }),
    bus.subscribe(subjects.kvWatches, stream, { queue }),
    bus.subscribe(subjects.kvWatch(service.status.member.id), stream),
  ];
  return {
    unsubscribe() {
      for (const subscription of subscriptions) subscription.unsubscribe();
      streams.close();
    },
  };
}

async function answer({ bus, service }: NativeApiOptions, message: BusMessage): Promise<void> {
  const query = parseQuery(message.data);
  const reply: KvQueryReply = 'error' in query ? { ok: false, error: query.error } : await answerQuery(service, query);
  message.respond(encodeQueryReply(reply, bus.maxPayload));
}

async function answerStream(streams: Streams, message: BusMessage): Promise<void> {
  const request = parseStream(message.data);
  const reply: StreamReply = 'error' in request ? { ok: false, error: request.error } : await streams.handle(request);
  message.respond(encodeJson(reply));
}
