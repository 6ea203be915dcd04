/** The npm package etcd3, and stores as they are in use: processes on a real log, of which one leads. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { Etcd3 } from 'etcd3';
import { etcd3Suite } from '../../services/kv/etcd/testing/etcd3Suite.ts';
import { startKvCluster } from '../support/kvCluster.ts';
import { until } from '../support/until.ts';

async function answers(hosts: string): Promise<boolean> {
  const etcd = new Etcd3({ hosts });
  try {
    await etcd.get('a');
    return true;
  } catch {
    return false;
  } finally {
    etcd.close();
  }
}

etcd3Suite(async (t) => {
  const { stores } = await startKvCluster(t, { stores: 2, throughProxies: false });
  const hosts = `127.0.0.1:${stores.at(-1)?.port}`;
  await until('the store answers', () => answers(hosts), 30_000);
  return hosts;
});

test('watchers, leases and locks outlive the store that leads', { timeout: 120_000 }, async (t) => {
  const { stores } = await startKvCluster(t, { stores: 3, throughProxies: false });
  const [first, ...others] = stores;
  assert.ok(first && others.length === 2);
  // Killed and started again, one after the other, each but the last has led by then, whoever began.
  const last = others[1]?.port;
  const hosts = `127.0.0.1:${last}`;
  await until('the store answers', () => answers(hosts), 30_000);
  const etcd = new Etcd3({ hosts });
  t.after(() => etcd.close());
  const watcher = await etcd.watch().prefix('w/').create();
  const seen: string[] = [];
  watcher.on('put', ({ value }) => seen.push(value.toString()));
  const lease = etcd.lease(10);
  const lost = once(lease, 'lost').then(() => assert.fail('the lease is lost'));
  await lease.put('leased').value('x');
  const lock = await etcd.lock('l').ttl(10).acquire();
  const wanted: string[] = [];
  for (const store of [first, others[0] ?? first]) {
    await store.kill();
    const value = `while ${store.name} is away`;
    wanted.push(value);
    await until(
      'a put is answered',
      () =>
        etcd
          .put('w/1')
          .value(value)
          .then(
            () => true,
            () => false,
          ),
      60_000,
    );
    await store.start();
    await until('it is back', () => answers(`127.0.0.1:${store.port}`), 30_000);
  }
  await until('all puts are seen', () => wanted.every((value) => seen.includes(value)), 30_000);
  assert.equal(await etcd.get('leased').string(), 'x');
  await assert.rejects(etcd.lock('l').acquire());
  await lock.release();
  await Promise.race([lease.revoke(), lost]);
  await watcher.cancel();
});
