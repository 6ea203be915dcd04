import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { watchLink } from './linkWatch.ts';
import { leastRecentlyTried } from './natsConnection.ts';

/** A connection whose server answers after so many ms, or never. */
function startWatch(answersAfterMs: () => number) {
  const clock = createSimulatedClock(0);
  const stop = new AbortController();
  const state = { reconnects: 0, inBytes: 0, generation: 0 };
  const connection = {
    flush: () =>
      new Promise<void>((resolve) => {
        const ms = answersAfterMs();
        if (Number.isFinite(ms)) clock.setTimeout(resolve, ms);
      }),
    reconnect: async () => {
      state.reconnects++;
    },
    stats: () => ({ inBytes: state.inBytes, inMsgs: 0, outBytes: 0, outMsgs: 0 }),
    isClosed: () => false,
  };
  void watchLink(connection, { clock, generation: () => state.generation, signal: stop.signal });
  return { clock, state, stop };
}

test('a server that falls silent is given up within a second, again and again', async (t) => {
  let silent = false;
  const { clock, state, stop } = startWatch(() => (silent ? Number.POSITIVE_INFINITY : 1));
  t.after(() => stop.abort());
  await clock.advance(10_000);
  assert.equal(state.reconnects, 0);
  silent = true;
  await clock.advance(960);
  assert.equal(state.reconnects, 1);
  await clock.advance(960);
  assert.equal(state.reconnects, 2);
});

test('a link that is slow by nature is not given up for answers that take twice as long as usual', async (t) => {
  let ms = 1;
  const { clock, state, stop } = startWatch(() => ms);
  t.after(() => stop.abort());
  for (ms = 1; ms < 500; ms += 10) await clock.advance(1_000);
  ms = 1_000;
  await clock.advance(10_000);
  assert.equal(state.reconnects, 0);
});

test('a server that sends something is there, and so is one that was connected to meanwhile', async (t) => {
  const { clock, state, stop } = startWatch(() => Number.POSITIVE_INFINITY);
  t.after(() => stop.abort());
  for (let step = 0; step < 100; step++) {
    state.inBytes += 1_000;
    await clock.advance(100);
  }
  assert.equal(state.reconnects, 0);
  for (let step = 0; step < 100; step++) {
    state.generation += 1;
    await clock.advance(100);
  }
  assert.equal(state.reconnects, 0);
});

test('of several servers the one that was tried longest ago is next, and not the one that was just lost', () => {
  const [lost, never, before] = [{ lastConnect: 900 }, { lastConnect: 0 }, { lastConnect: 500 }];
  assert.equal(leastRecentlyTried([lost, before, never]), never);
  assert.equal(leastRecentlyTried([lost, before]), before);
  assert.equal(leastRecentlyTried([lost]), lost);
});
