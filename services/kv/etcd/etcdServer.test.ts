import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import { KVService, MaintenanceService } from './messages.ts';
import { startLocal } from './testing/startLocal.ts';

test('a put is answered with the whole header, and read again', async (t) => {
  const { client, errors } = await startLocal(t);
  const put = await client.call(KVService.Put, { key: 'a', value: '\xff\0' });
  assert.ok(!(put instanceof GrpcStatus));
  assert.deepEqual(put.header, {
    clusterId: '14841639068965178418',
    memberId: '10501334649042878790',
    revision: 2,
    raftTerm: 2,
  });
  const range = await client.call(KVService.Range, { key: 'a' });
  assert.ok(!(range instanceof GrpcStatus));
  assert.deepEqual(range.kvs, [
    { key: 'a', value: '\xff\0', createRevision: 2, modRevision: 2, version: 1, lease: '0' },
  ]);
  assert.deepEqual(errors, []);
});

test('nobody leads: reads and writes say so, serializable reads and the status are answered', async (t) => {
  const { client, service } = await startLocal(t);
  service.setLeader(false);
  const noLeader = new GrpcStatus(14, 'etcdserver: no leader');
  assert.deepEqual(await client.call(KVService.Put, { key: 'a' }), noLeader);
  assert.deepEqual(await client.call(KVService.Range, { key: 'a' }), noLeader);
  const stale = await client.call(KVService.Range, { key: 'a', serializable: true });
  assert.ok(!(stale instanceof GrpcStatus));
  const status = await client.call(MaintenanceService.Status, {});
  assert.ok(!(status instanceof GrpcStatus));
  assert.deepEqual(status.errors, ['etcdserver: no leader']);
});

test('a server that retires answers what it was asked, and what is asked later is not done', async (t) => {
  const { client, server, port, service } = await startLocal(t);
  const release = service.hold();
  const dismissed = client.dismissed();
  const asked = client.call(KVService.Put, { key: 'a' });
  await client.call(MaintenanceService.Status, {});
  server.retire();
  await dismissed;
  await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
  release();
  const answer = await asked;
  assert.ok(!(answer instanceof GrpcStatus));
  assert.equal(service.store.revision, 2);
  await server.close();
});

test('a server that closes sends its last answers, and waits for nobody who does not read', async (t) => {
  const { client, server, port } = await startLocal(t);
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => {});
  await once(silent, 'connect');
  const last = client.call(KVService.Put, { key: 'a' });
  await client.call(MaintenanceService.Status, {});
  await server.close();
  assert.ok(!((await last) instanceof GrpcStatus));
});
