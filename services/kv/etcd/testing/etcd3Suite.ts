/** etcd3, the client that Node programs use: what its documentation shows works. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { Etcd3, EtcdAuthenticationFailedError, EtcdPermissionDeniedError } from 'etcd3';

/** @param startStore an empty store, and where it listens: `host:port`. */
export function etcd3Suite(startStore: (t: TestContext) => Promise<string>): void {
  async function start(t: TestContext) {
    const hosts = await startStore(t);
    const etcd = new Etcd3({ hosts });
    t.after(() => etcd.close());
    return { etcd, hosts };
  }

  test('keys: put, get, list, count, delete, bytes that are no text', async (t) => {
    const { etcd } = await start(t);
    const bytes = Buffer.from([0, 255, 128, 10]);
    await etcd.put('a/1').value('one');
    await etcd.put('a/2').value(bytes);
    assert.equal(await etcd.get('a/1').string(), 'one');
    assert.deepEqual(await etcd.get('a/2').buffer(), bytes);
    assert.equal(await etcd.get('b'), null);
    assert.deepEqual(await etcd.getAll().prefix('a/').keys(), ['a/1', 'a/2']);
    assert.deepEqual(await etcd.getAll().prefix('a/').sort('Key', 'Descend').limit(1).keys(), ['a/2']);
    assert.equal(await etcd.getAll().prefix('a/').count(), 2);
    assert.equal((await etcd.delete().prefix('a/')).deleted, '2');
  });

  test('a transaction takes the branch that its comparisons say', async (t) => {
    const { etcd } = await start(t);
    const created = await etcd.if('x', 'Create', '==', 0).then(etcd.put('x').value('1')).else(etcd.get('x')).commit();
    assert.equal(created.succeeded, true);
    const again = await etcd.if('x', 'Create', '==', 0).then(etcd.put('x').value('2')).else(etcd.get('x')).commit();
    assert.equal(again.succeeded, false);
  });

  test('leases are kept alive and revoked, and take their keys with them', async (t) => {
    const { etcd } = await start(t);
    const lease = etcd.lease(5);
    await lease.put('leased').value('x');
    await lease.keepaliveOnce();
    assert.equal(await etcd.get('leased').string(), 'x');
    await lease.revoke();
    assert.equal(await etcd.get('leased').string(), null);
  });

  test('a lock keeps others out until it is released', async (t) => {
    const { etcd } = await start(t);
    const held = await etcd.lock('resource').ttl(5).acquire();
    await assert.rejects(etcd.lock('resource').acquire());
    await held.release();
    assert.equal(await etcd.lock('resource').do(() => 'mine'), 'mine');
  });

  test('an election has one leader, and another when it resigns', async (t) => {
    const { etcd } = await start(t);
    const election = etcd.election('leader', 5);
    const first = election.campaign('one');
    await once(first, 'elected');
    assert.equal(await election.leader(), 'one');
    const second = election.campaign('two');
    const elected = once(second, 'elected');
    await first.resign();
    await elected;
    assert.equal(await election.leader(), 'two');
    await second.resign();
  });

  test('a watcher sees puts and deletes, from now on or from a revision', async (t) => {
    const { etcd } = await start(t);
    const { header } = await etcd.put('w/before').value('0');
    const watcher = await etcd.watch().prefix('w/').create();
    const past = await etcd.watch().prefix('w/').startRevision(header.revision).create();
    const put = once(watcher, 'put');
    await etcd.put('w/1').value('1');
    const [kv] = await put;
    assert.deepEqual([kv.key.toString(), kv.value.toString()], ['w/1', '1']);
    const removed = once(past, 'delete');
    await etcd.delete().key('w/1');
    assert.equal((await removed)[0].key.toString(), 'w/1');
    await Promise.all([watcher.cancel(), past.cancel()]);
  });

  test('users and roles: who may not read is told so, and a changed password voids what was granted by the old', async (t) => {
    const { etcd, hosts } = await start(t);
    const root = etcd.role('root');
    await root.create();
    await etcd.user('root').create('secret');
    await etcd.user('root').addRole('root');
    const readers = etcd.role('readers');
    await readers.create();
    await readers.grant({ permission: 'Read', range: etcd.range({ prefix: 'public/' }) });
    await etcd.user('alice').create('apple');
    await etcd.user('alice').addRole('readers');
    await etcd.auth.authEnable();
    const asUser = (username: string, password: string) => {
      const client = new Etcd3({ hosts, auth: { username, password } });
      t.after(() => client.close());
      return client;
    };
    const [admin, alice] = [asUser('root', 'secret'), asUser('alice', 'apple')];
    await admin.put('public/x').value('1');
    assert.equal(await alice.get('public/x').string(), '1');
    await assert.rejects(async () => alice.get('private'), EtcdPermissionDeniedError);
    await assert.rejects(async () => alice.put('public/x').value('2'), EtcdPermissionDeniedError);
    await assert.rejects(async () => asUser('alice', 'wrong').get('public/x'), EtcdAuthenticationFailedError);
    await admin.user('alice').setPassword('changed');
    await assert.rejects(async () => alice.get('public/x'), EtcdAuthenticationFailedError);
    assert.equal(await asUser('alice', 'changed').get('public/x').string(), '1');
  });
}
