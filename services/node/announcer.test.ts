import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { KvClient } from '../../shared/bus/kvClient.ts';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import type { Announcement, PublishedPort } from '../../shared/domain/announce.ts';
import { prefixRange } from '../../shared/domain/kvKeys.ts';
import { createLocalStore } from '../kv/nats/testing/localStore.ts';
import { Announcer } from './announcer.ts';

const at = (key: string, value: string): Announcement[] => [{ key, value }];

function world(t: TestContext) {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const fail = (error: unknown) => assert.fail(String(error));
  const local = createLocalStore(clock, fail);
  let serving: { stop(): void } | null = local.serve(network.connect(), 'kv-1');
  let ids = 0;
  const machine = (ip: string, ports: Record<string, PublishedPort[]> = {}) => {
    const bus = network.connect();
    const errors: string[] = [];
    const client = new KvClient({ bus, clock, ids: () => `id${++ids}`, by: ip, patienceMs: 2_000 });
    const announcer = new Announcer({
      client,
      ip,
      portsOf: async (container) => ports[container] ?? [],
      onError: (error) => errors.push((error as Error).message),
    });
    t.after(() => announcer.abandon());
    return { bus, announcer, errors, ports };
  };
  return {
    clock,
    local,
    machine,
    /** Keys and values that anybody sees, without the tokens beside them. */
    said: () => {
      const found = local.store.range(prefixRange('/'));
      return 'kvs' in found ? Object.fromEntries(found.kvs.map(({ key, value }) => [key, value])) : {};
    },
    storeLeaves: () => {
      serving?.stop();
      serving = null;
    },
    storeReturns: () => {
      serving = local.serve(network.connect(), 'kv-2');
    },
  };
}

test('what a unit announces is there while it is active, and gone at once when it is not', async (t) => {
  const w = world(t);
  const { announcer } = w.machine('10.0.0.1');
  announcer.update('a.service', { announcements: at('/a', '{{ip}}:80'), token: 1 });
  announcer.update('b.service', { announcements: [], token: 1 });
  await w.clock.advance(1);
  assert.deepEqual(w.said(), { '/a': '10.0.0.1:80' });
  await w.clock.advance(600_000);
  assert.deepEqual(w.said(), { '/a': '10.0.0.1:80' });
  announcer.update('a.service', null);
  await w.clock.advance(1);
  assert.deepEqual(w.said(), {});
  assert.deepEqual(w.local.store.range(prefixRange('')), { kvs: [], count: 0, more: false });
});

test('the port that the engine chose is announced as soon as it is known, and told to be missing until then', async (t) => {
  const w = world(t);
  const { announcer, ports, errors } = w.machine('10.0.0.1');
  announcer.update('a.service', { announcements: at('/a', '{{port:6379/tcp}}'), token: 1, container: 'c1' });
  await w.clock.advance(3_000);
  assert.deepEqual(w.said(), {});
  assert.match(errors.join('|'), /^units cannot be announced: a\.service has not published 6379\/tcp[^|]*$/);
  ports.c2 = [{ port: '6379/tcp', hostPort: 32_770 }];
  announcer.update('a.service', { announcements: at('/a', '{{port:6379/tcp}}'), token: 1, container: 'c2' });
  await w.clock.advance(1_000);
  assert.deepEqual(w.said(), { '/a': '32770' });
});

test('with its machine an announcement ends', async (t) => {
  const w = world(t);
  const { announcer, bus } = w.machine('10.0.0.1');
  announcer.update('a.service', { announcements: at('/a', '{{ip}}'), token: 1 });
  await w.clock.advance(1);
  bus.disconnect();
  await w.clock.advance(9_000);
  assert.deepEqual(w.said(), { '/a': '10.0.0.1' });
  await w.clock.advance(5_000);
  assert.deepEqual(w.said(), {});
});

test('of a unit that has moved the new machine speaks at once, and the old one never again', async (t) => {
  const w = world(t);
  const [old, next] = [w.machine('10.0.0.1'), w.machine('10.0.0.2')];
  old.announcer.update('a.service', { announcements: at('/a', '{{ip}}'), token: 5 });
  await w.clock.advance(1);
  old.bus.disconnect();
  next.announcer.update('a.service', { announcements: at('/a', '{{ip}}'), token: 9 });
  await w.clock.advance(1);
  assert.deepEqual(w.said(), { '/a': '10.0.0.2' });

  // It does not know yet that the unit has moved, and its lease is over: it tries to say it again.
  await w.clock.advance(60_000);
  old.bus.reconnect();
  await w.clock.advance(10_000);
  assert.deepEqual(w.said(), { '/a': '10.0.0.2' });
  assert.match(old.errors.join('|'), /a newer placement of its unit announces \/a/);
  old.announcer.update('b.service', { announcements: at('/b', '{{ip}}'), token: 6 });
  await w.clock.advance(1);
  assert.equal(w.said()['/b'], '10.0.0.1', 'what it may say waits for nothing');
  old.announcer.update('b.service', null);
  await w.clock.advance(1);
  old.announcer.update('a.service', null);
  await w.clock.advance(10_000);
  assert.deepEqual(w.said(), { '/a': '10.0.0.2' });
});

test('what the old machine takes back late is not the new machine’s', async (t) => {
  const w = world(t);
  const [old, next] = [w.machine('10.0.0.1'), w.machine('10.0.0.2')];
  old.announcer.update('a.service', { announcements: at('/a', '{{ip}}'), token: 5 });
  await w.clock.advance(1);
  next.announcer.update('a.service', { announcements: at('/a', '{{ip}}'), token: 9 });
  await w.clock.advance(1);
  old.announcer.update('a.service', null);
  await w.clock.advance(1);
  await old.announcer.close();
  assert.deepEqual(w.said(), { '/a': '10.0.0.2' });
});

test('without a store nothing is announced, which is told once; with the store it is', async (t) => {
  const w = world(t);
  w.storeLeaves();
  const { announcer, errors } = w.machine('10.0.0.1');
  announcer.update('a.service', { announcements: at('/a', 'x'), token: 1 });
  await w.clock.advance(30_000);
  assert.deepEqual(errors, ['units cannot be announced: no key/value store leads']);
  w.storeReturns();
  await w.clock.advance(5_000);
  assert.deepEqual(w.said(), { '/a': 'x' });

  // Away for longer than the lease lasts: all of it is said again.
  w.storeLeaves();
  await w.clock.advance(30_000);
  assert.deepEqual(w.said(), {});
  w.storeReturns();
  await w.clock.advance(10_000);
  assert.deepEqual(w.said(), { '/a': 'x' });
});

test('a node that leaves takes everything back; one that is replaced lets it last', async (t) => {
  const w = world(t);
  const [leaving, replaced] = [w.machine('10.0.0.1'), w.machine('10.0.0.2')];
  leaving.announcer.update('a.service', { announcements: at('/a', 'x'), token: 1 });
  replaced.announcer.update('b.service', { announcements: at('/b', 'y'), token: 1 });
  await w.clock.advance(1);
  await leaving.announcer.close();
  replaced.announcer.abandon();
  assert.deepEqual(w.said(), { '/b': 'y' });
});

test('hundreds of units are announced in a few messages', async (t) => {
  const w = world(t);
  const { announcer } = w.machine('10.0.0.1');
  for (let i = 0; i < 500; i++) announcer.update(`${i}.service`, { announcements: at(`/${i}`, 'x'), token: 1 });
  await w.clock.advance(1);
  assert.equal(Object.keys(w.said()).length, 500);
  assert.equal(w.local.store.leases().length, 1);
});
