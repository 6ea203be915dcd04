import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import type { Bus } from './bus.ts';
import { NoRespondersError } from './bus.ts';
import { createDeferredBus } from './deferredBus.ts';
import { createMemoryNetwork } from './memoryBus.ts';

const hello = new TextEncoder().encode('hello');

function setUp() {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  let arrive: (bus: Bus) => void = () => undefined;
  const arriving = new Promise<Bus>((resolve) => {
    arrive = resolve;
  });
  return { clock, network, bus: createDeferredBus(arriving, clock), arrive };
}

test('before the bus is there a request ends like one that nobody answers, after its time', async () => {
  const { clock, bus } = setUp();
  const request = assert.rejects(bus.request('a', hello, { timeoutMs: 500 }), NoRespondersError);
  await clock.advance(500);
  await request;
  assert.equal(bus.connected, false);
});

test('subscriptions and listeners made before take effect when the bus arrives', async () => {
  const { clock, network, bus, arrive } = setUp();
  const heard: string[] = [];
  const changes: boolean[] = [];
  bus.subscribe('a', ({ data }) => heard.push(new TextDecoder().decode(data)));
  bus.subscribe('a', () => heard.push('never')).unsubscribe();
  bus.onConnectionChange((connected) => changes.push(connected));
  arrive(network.connect());
  await clock.advance(0);
  network.connect().publish('a', hello);
  await clock.advance(0);
  assert.deepEqual(heard, ['hello']);
  assert.deepEqual(changes, [true]);
  assert.equal(bus.connected, true);
});
