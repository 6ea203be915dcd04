import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KvClient } from '../../shared/bus/kvClient.ts';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { createLocalStore } from '../kv/nats/testing/localStore.ts';
import { endpointOf, followStoreEndpoint } from './storeEndpoint.ts';

test('the endpoint is what the stores say, as soon as there is one, and stays when there is none any more', async (t) => {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const fail = (error: unknown) => assert.fail(String(error));
  const local = createLocalStore(clock, fail);
  let ids = 0;
  const client = new KvClient({
    bus: network.connect(),
    clock,
    ids: () => `id${++ids}`,
    by: 'test',
    patienceMs: 5_000,
  });
  const stop = new AbortController();
  t.after(() => stop.abort());
  const changes: string[] = [];
  const onChange = (told: string) => changes.push(told);
  const endpoint = followStoreEndpoint({ client, signal: stop.signal, known: null, onChange, onError: fail });
  await clock.advance(20_000);
  assert.equal(endpoint(), null);
  const first = local.serve(network.connect(), 'kv-1');
  await clock.advance(10_000);
  assert.equal(endpoint(), 'kv-1:2379');
  first.stop();
  await clock.advance(60_000);
  assert.equal(endpoint(), 'kv-1:2379');
  local.serve(network.connect(), 'kv-2');
  await clock.advance(60_000);
  assert.equal(endpoint(), 'kv-2:2379');
  assert.deepEqual(changes, ['kv-1:2379', 'kv-2:2379']);
});

test('an endpoint has no scheme and no path', () => {
  assert.equal(endpointOf(['http://10.0.0.1:2379']), '10.0.0.1:2379');
  assert.equal(endpointOf(['https://[fd00::1]:2379/']), '[fd00::1]:2379');
  assert.equal(endpointOf([]), null);
});

test('a loopback address, which is another one on each machine, is told only where there is no other', () => {
  const loopback = ['http://127.0.0.1:2379', 'http://localhost:2379', 'http://[::1]:2379'];
  assert.equal(endpointOf([...loopback, 'http://b.example:2379']), 'b.example:2379');
  assert.equal(endpointOf(loopback), '127.0.0.1:2379');
});
