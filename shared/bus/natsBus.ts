import { createInbox, type Msg } from '@nats-io/transport-node';
import { type Bus, BusClosedError, type BusMessage } from './bus.ts';
import type { NatsLink } from './natsConnection.ts';

/** What a server takes unless its configuration says otherwise. */
const defaultMaxPayload = 1024 * 1024;

/** The bus on core NATS. */
export function createNatsBus(link: NatsLink): Bus {
  const { nc } = link;
  const closing = () => nc.isClosed() || nc.isDraining();
  return {
    publish: (subject, data) => {
      // The client would keep it until the connection is back; late news are worse than none.
      if (link.connected && !closing()) nc.publish(subject, data);
    },
    subscribe: (subject, handler, { queue } = {}) => {
      if (closing()) throw new BusClosedError(`the connection is closed, ${subject} cannot be subscribed to`);
      const callback = (error: Error | null, message: Msg) => deliver(error, message, handler, closing);
      return nc.subscribe(subject, queue === undefined ? { callback } : { queue, callback });
    },
    request: (subject, data, { timeoutMs }) => {
      const answer = link.requests.ask(subject, data, { timeoutMs });
      link.awaits(answer);
      return answer.then((message) => busMessage(message, closing));
    },
    createInbox: () => createInbox(),
    get connected() {
      return link.connected;
    },
    onConnectionChange: link.onConnectionChange,
    get maxPayload() {
      return nc.info?.max_payload ?? defaultMaxPayload;
    },
    close: link.close,
  };
}

/**
 * An exception of a handler must not reach the client's read loop, which would stop reading; it is a bug, and surfaces
 * as an uncaught one. So does a subscription that the server refused.
 */
function deliver(
  error: Error | null,
  message: Msg,
  handler: (message: BusMessage) => void,
  closing: () => boolean,
): void {
  try {
    if (error) throw error;
    handler(busMessage(message, closing));
  } catch (bug) {
    queueMicrotask(() => {
      throw bug;
    });
  }
}

function busMessage(message: Msg, closing: () => boolean): BusMessage {
  const { reply } = message;
  return {
    subject: message.subject,
    data: message.data,
    ...(reply ? { replyTo: reply } : {}),
    respond: (data) => {
      if (!closing()) message.respond(data);
    },
  };
}
