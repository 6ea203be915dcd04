import type { Clock } from '../clock/clock.ts';
import { type Bus, NoRespondersError, type Subscription } from './bus.ts';

/** What a server takes by default; asked only until the real one is known. */
const defaultMaxPayload = 1024 * 1024;

/**
 * A bus that is used before it is there: a node looks after its units while NATS cannot be reached yet. Until `arriving`
 * resolves it is as disconnected as a real one that has lost its server.
 */
export function createDeferredBus(arriving: Promise<Bus>, clock: Clock): Bus {
  let bus: Bus | null = null;
  const listeners = new Set<(connected: boolean) => void>();
  arriving.then(
    (arrived) => {
      bus = arrived;
      arrived.onConnectionChange((connected) => tell(connected));
      tell(true);
    },
    // It never comes: whoever made the promise is told.
    () => undefined,
  );
  function tell(connected: boolean): void {
    for (const listener of listeners) listener(connected);
  }

  return {
    publish: (subject, data) => bus?.publish(subject, data),
    subscribe: (subject, handler, options) =>
      subscribeLater(arriving, (arrived) => arrived.subscribe(subject, handler, options)),
    request: async (subject, data, options) => {
      if (!bus) {
        // As long as a request without an answer takes, so that those who try again do so at their usual pace.
        await new Promise<void>((resolve) => clock.setTimeout(resolve, options.timeoutMs));
        throw new NoRespondersError(`not connected: nobody answers on ${subject}`);
      }
      return bus.request(subject, data, options);
    },
    createInbox: () => {
      if (!bus) throw new NoRespondersError('not connected: there is nobody to reply');
      return bus.createInbox();
    },
    get connected() {
      return bus?.connected ?? false;
    },
    onConnectionChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    get maxPayload() {
      return bus?.maxPayload ?? defaultMaxPayload;
    },
    close: async () => bus?.close(),
  };
}

function subscribeLater(arriving: Promise<Bus>, subscribe: (bus: Bus) => Subscription): Subscription {
  let wanted = true;
  let subscription: Subscription | null = null;
  arriving.then(
    (bus) => {
      if (wanted) subscription = subscribe(bus);
    },
    () => undefined,
  );
  return {
    unsubscribe() {
      wanted = false;
      subscription?.unsubscribe();
    },
  };
}
