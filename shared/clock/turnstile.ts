import type { Clock } from './clock.ts';

/**
 * What lets those who wait pass one after the other, each in a turn of the event loop of its own. Work that holds the
 * loop, and of which there may be much at a time, waits there, so that timers and messages (heartbeats above all) come in
 * between.
 */
export function createTurnstile({ nextTurn }: Pick<Clock, 'nextTurn'>): () => Promise<void> {
  let last = Promise.resolve();
  return () => {
    last = last.then(nextTurn);
    return last;
  };
}
