import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { busContract, busTimeoutContract } from './bus.contract.ts';
import { RequestTimeoutError } from './bus.ts';
import { createMemoryNetwork } from './memoryBus.ts';

busContract('memory', async () => {
  const network = createMemoryNetwork({ clock: createSimulatedClock(0) });
  return { connect: async () => network.connect() };
});

busTimeoutContract('memory', async () => {
  const clock = createSimulatedClock(0);
  return { bus: createMemoryNetwork({ clock }).connect(), advance: clock.advance };
});

const nothing = new Uint8Array();

test('a bus that is cut off neither sends nor hears, and is told of both changes', async () => {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const [one, other] = [network.connect(), network.connect()];
  const heard: string[] = [];
  const changes: boolean[] = [];
  one.subscribe('to.one', ({ subject }) => heard.push(subject));
  other.subscribe('to.other', ({ subject }) => heard.push(subject));
  one.onConnectionChange((connected) => changes.push(connected));

  one.disconnect();
  one.publish('to.other', nothing);
  other.publish('to.one', nothing);
  const unanswered = assert.rejects(one.request('to.other', nothing, { timeoutMs: 100 }), RequestTimeoutError);
  await clock.advance(100);
  await unanswered;
  assert.deepEqual(heard, []);

  one.reconnect();
  one.publish('to.other', nothing);
  other.publish('to.one', nothing);
  await clock.advance(0);
  assert.deepEqual(heard, ['to.other', 'to.one']);
  assert.deepEqual(changes, [false, true]);
});

test('a message that is too large is refused where it is sent', async () => {
  const bus = createMemoryNetwork({ clock: createSimulatedClock(0), maxPayload: 10 }).connect();
  assert.throws(() => bus.publish('s', new Uint8Array(11)), RangeError);
  await assert.rejects(bus.request('s', new Uint8Array(11), { timeoutMs: 100 }), RangeError);
});
