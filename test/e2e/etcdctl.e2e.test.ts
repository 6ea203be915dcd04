/** etcdctl, as Debian has it, and stores as they are in use: processes on a real log, of which one leads. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { Etcdctl } from '../../services/kv/etcd/testing/etcdctl.ts';
import { compareScript, scripts } from '../../services/kv/etcd/testing/etcdctlScripts.ts';
import { skipWithout, startRealEtcd } from '../../services/kv/etcd/testing/realEtcd.ts';
import { type KvClusterOptions, startKvCluster } from '../support/kvCluster.ts';
import { until } from '../support/until.ts';

const skip = (await skipWithout('etcdctl')) || (await skipWithout('etcd'));

interface Status {
  Endpoint: string;
  Status: { header: { member_id: number }; leader: number };
}

/** Of these stores, the one that leads and, where there are several, one that does not. */
async function startStores(t: TestContext, options: KvClusterOptions) {
  const { stores } = await startKvCluster(t, { throughProxies: false, ...options });
  const clients = stores.map(({ port }) => new Etcdctl(t, port));
  const [any] = clients;
  if (!any) throw new RangeError('no stores');
  const statuses = () =>
    until('every store answers', async () => {
      const { stdout } = await any.run(['endpoint', 'status', '--cluster', '-w', 'json']);
      const found: Status[] = stdout.startsWith('[') ? JSON.parse(stdout) : [];
      return found.length === stores.length && found.every(({ Status: { leader } }) => leader !== 0) && found;
    });
  const leads = async () => {
    const found = await statuses();
    return stores.findIndex(({ port }) =>
      found.some(({ Endpoint, Status: { header, leader } }) => {
        return Endpoint.endsWith(`:${port}`) && header.member_id === leader;
      }),
    );
  };
  const first = await until('one leads', async () => {
    const index = await leads();
    return index >= 0 && { index };
  });
  const leader = clients[first.index] ?? any;
  const follower = clients.find((client) => client !== leader) ?? leader;
  return { leader, follower, leads, statuses };
}

describe('etcdctl', { skip, timeout: 300_000 }, () => {
  for (const [what, script] of Object.entries(scripts)) {
    test(`prints the same as with etcd: ${what}`, async (t) => {
      const { leader, follower } = await startStores(t, { stores: 2 });
      // Whom etcdctl wants to move, it asks the leader for.
      const asked = what === 'rest' ? leader : follower;
      await compareScript(script, new Etcdctl(t, await startRealEtcd(t)), asked);
      t.diagnostic(`${script.length} command lines: all the same`);
    });
  }

  test('sees members, locks, elects, watches and hands over across stores', async (t) => {
    const { leader, follower, leads, statuses } = await startStores(t, { stores: 2 });
    const members = (await follower.run(['member', 'list'])).stdout.trim().split('\n');
    assert.equal(members.length, 2);
    for (const verb of [
      ['update', '1', '--peer-urls=http://127.0.0.1:1'],
      ['promote', '1'],
    ])
      assert.notEqual((await follower.run(['member', ...verb])).code, 0, verb.join(' '));

    const first = leader.start(['lock', 'l']);
    await first.printed(/^l\/[0-9a-f]+\n/);
    const second = follower.start(['lock', 'l', 'echo', 'mine']);
    const one = follower.start(['elect', 'e', 'one']);
    await one.printed(/^e\/[0-9a-f]+\none\n/);
    const two = leader.start(['elect', 'e', 'two']);
    const watch = follower.start(['watch', '--prefix', 'w/', '--rev', '1']);

    const before = await leads();
    const other = (await statuses()).find(({ Status: { header, leader: id } }) => header.member_id !== id);
    assert.ok(other);
    // JSON has no room for such ids; the list has them in words.
    const id = members.find((line) => line.includes(other.Endpoint.replace(/^http:\/\//, '')))?.split(',')[0] ?? '';
    assert.match((await leader.run(['move-leader', id])).stdout, /^Leadership transferred/);
    await until('the other one leads', async () => (await leads()) === 1 - before);

    await first.interrupt();
    await second.printed(/mine/);
    await one.interrupt();
    await two.printed(/two/);
    for (const value of ['one', 'two']) await leader.run(['put', 'w/1', value]);
    await watch.printed(/PUT\nw\/1\none\nPUT\nw\/1\ntwo/);
  });

  test('keeps leases alive at a store that does not lead, saves snapshots there, and mirrors from it', async (t) => {
    const { leader, follower } = await startStores(t, { stores: 2 });
    const [, lease = ''] =
      /^lease ([0-9a-f]+) granted/.exec((await follower.run(['lease', 'grant', '2'])).stdout) ?? [];
    await follower.run(['put', 'leased', 'x', `--lease=${lease}`]);
    const alive = follower.start(['lease', 'keep-alive', lease]);
    await alive.printed(/(keepalived with TTL\(2\)\n.*){4}/);
    assert.equal((await leader.run(['get', 'leased', '--print-value-only'])).stdout, 'x\n');
    await alive.interrupt();
    await leader.start(['watch', 'leased', '--rev', '1']).printed(/DELETE\nleased/);

    const dir = await mkdtemp(join(tmpdir(), 'flotilla-etcdctl-'));
    t.after(() => rm(dir, { recursive: true, force: true }));
    assert.equal((await follower.run(['snapshot', 'save', join(dir, 'snapshot')])).code, 0);

    const target = await startStores(t, { stores: 1 });
    const targetUrl = (await target.statuses())[0]?.Endpoint.replace(/^http:\/\//, '') ?? '';
    await leader.run(['put', 'm/1', 'one']);
    follower.start(['make-mirror', targetUrl, '--prefix', 'm/']);
    await target.leader.start(['watch', '--prefix', 'm/', '--rev', '1']).printed(/m\/1\none\n/);
  });

  test('fills the store until it is out of space, and makes room again', async (t) => {
    const { leader, follower } = await startStores(t, { stores: 2, serveArguments: ['--quota-bytes', '2000000'] });
    const value = 'v'.repeat(100_000);
    const refused = await until('the store is full', async () => {
      const { code, stderr } = await follower.run(['put', 'k'], value);
      return code === 0 ? null : stderr;
    });
    assert.match(refused, /etcdserver: mvcc: database space exceeded/);
    assert.match((await leader.run(['alarm', 'list'])).stdout, /^memberID:\d+ alarm:NOSPACE/);
    assert.equal((await leader.run(['get', 'k', '--keys-only'])).stdout, 'k\n\n');
    const [{ Status: status }] = JSON.parse((await leader.run(['endpoint', 'status', '-w', 'json'])).stdout);
    assert.equal((await leader.run(['compaction', String(status.header.revision)])).code, 0);
    await leader.run(['defrag']);
    await until('there is room', async () => {
      await follower.run(['alarm', 'disarm']);
      return (await follower.run(['put', 'k', 'small'])).code === 0;
    });
  });
});
