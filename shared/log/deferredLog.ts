import type { EventLog } from './eventLog.ts';

/** A log that is used before it is there: what is asked of it waits until it is. */
export function createDeferredLog(arriving: Promise<EventLog>): EventLog {
  // Whoever asks is told of a failure; nobody may have asked yet.
  arriving.catch(() => undefined);
  return {
    append: async (message) => (await arriving).append(message),
    last: async (subject) => (await arriving).last(subject),
    bounds: async () => (await arriving).bounds(),
    async *tail(options) {
      yield* (await arriving).tail(options);
    },
  };
}
