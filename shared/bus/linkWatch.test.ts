import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { LinkWatch } from './linkWatch.ts';
import { leastRecentlyTried } from './natsConnection.ts';

/** A connection whose server answers after so many ms, or never. */
function createWatch(answersAfterMs: () => number) {
  const clock = createSimulatedClock(0);
  const state = { asked: 0, reconnects: 0, inBytes: 0, generation: 0 };
  const connection = {
    flush: () =>
      new Promise<void>((resolve) => {
        const ms = answersAfterMs();
        state.asked++;
        const pong = () => {
          state.inBytes += 6;
          resolve();
        };
        if (Number.isFinite(ms)) clock.setTimeout(pong, ms);
      }),
    reconnect: async () => {
      state.reconnects++;
    },
    stats: () => ({ inBytes: state.inBytes, inMsgs: 0, outBytes: 0, outMsgs: 0 }),
    isClosed: () => false,
  };
  return { clock, state, watch: new LinkWatch(connection, { clock, generation: () => state.generation }) };
}

/** Its server is asked again and again. */
function startWatch(answersAfterMs: () => number) {
  const { clock, state, watch } = createWatch(answersAfterMs);
  const stop = new AbortController();
  void watch.keepAsking(stop.signal);
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

test('who asks all the time leaves a silent server by the answers that do not come, and asks it nothing while they come', async () => {
  const { clock, state, watch } = createWatch(() => Number.POSITIVE_INFINITY);
  const heartbeat = (answer: Promise<unknown>) => {
    void watch.waitFor(answer);
    return clock.advance(500);
  };
  const soon = () => new Promise((resolve) => clock.setTimeout(() => resolve('ok'), 5));
  for (let beat = 0; beat < 20; beat++) await heartbeat(soon());
  assert.deepEqual([state.asked, state.reconnects], [0, 0]);
  const never = new Promise(() => undefined);
  await heartbeat(never);
  assert.equal(state.reconnects, 0);
  await heartbeat(never);
  assert.equal(state.reconnects, 1, '700 ms after the first heartbeat that was not answered');
});

test('a server is not left for what others do not answer, nor for what is refused', async () => {
  const { clock, state, watch } = createWatch(() => 1);
  void watch.waitFor(new Promise(() => undefined));
  await clock.advance(10_000);
  assert.deepEqual([state.asked, state.reconnects], [1, 0]);
  await watch.waitFor(Promise.reject(new Error('nobody listens')));
  await clock.advance(10_000);
  assert.deepEqual([state.asked, state.reconnects], [1, 0]);
});

test('of several servers the one that was tried longest ago is next, and not the one that was just lost', () => {
  const [lost, never, before] = [{ lastConnect: 900 }, { lastConnect: 0 }, { lastConnect: 500 }];
  assert.equal(leastRecentlyTried([lost, before, never]), never);
  assert.equal(leastRecentlyTried([lost, before]), before);
  assert.equal(leastRecentlyTried([lost]), lost);
});
