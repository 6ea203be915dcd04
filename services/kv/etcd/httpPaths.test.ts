import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HealthService } from './messages.ts';
import { startLocal } from './testing/startLocal.ts';

test('health, version and metrics are served on the same port', async (t) => {
  const { port, service } = await startLocal(t);
  const get = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { status: response.status, text: await response.text() };
  };
  assert.deepEqual(await get('/health'), { status: 200, text: '{"health":"true"}\n' });
  const version = JSON.parse((await get('/version')).text);
  assert.match(version.etcdserver, /^3\.5\.\d+$/);
  assert.equal(version.etcdcluster, '3.5.0');
  await service.execute({ type: 'Put', key: 'a', value: 'bc' });
  const { text } = await get('/metrics');
  const metrics = new Map(text.split('\n').map((line) => line.split(' ') as [string, string]));
  assert.ok(Number(metrics.get('process_resident_memory_bytes')) > 1e7);
  assert.equal(metrics.get('etcd_server_has_leader'), '1');
  assert.equal(metrics.get('etcd_debugging_mvcc_current_revision'), '2');
  assert.ok(Number(metrics.get('etcd_mvcc_db_total_size_in_bytes')) >= 3);
  assert.equal((await get('/nothing')).status, 404);
  assert.equal((await get('/health', { method: 'POST' })).status, 405);
  await service.execute({ type: 'AlarmActivate', alarm: 'NOSPACE', member: '7' });
  assert.deepEqual(await get('/health'), { status: 503, text: '{"health":"false","reason":"ALARM NOSPACE"}\n' });
  assert.equal((await get('/health?exclude=CORRUPT')).status, 503);
  assert.equal((await get('/health?exclude=CORRUPT&exclude=NOSPACE')).status, 200);
  await service.execute({ type: 'AlarmDeactivate', alarm: 'NOSPACE', member: '7' });
  service.setLeader(false);
  assert.equal((await get('/health?serializable=true')).status, 200);
  assert.deepEqual(await get('/health'), { status: 503, text: '{"health":"false","reason":"no-leader"}\n' });
});

test('gRPC health follows whether anybody leads', async (t) => {
  const { client, service } = await startLocal(t);
  const watch = client.open(HealthService.Watch);
  watch.send({});
  assert.deepEqual(await watch.next(), { status: 1 });
  service.setLeader(false);
  assert.deepEqual(await watch.next(), { status: 2 });
  assert.deepEqual(await client.call(HealthService.Check, { service: 'etcdserverpb.KV' }), { status: 2 });
  service.setLeader(true);
  assert.deepEqual(await watch.next(), { status: 1 });
  watch.cancel();
});
