import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../../../shared/clock/simulatedClock.ts';
import { until } from '../../../test/support/until.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import { KVService, type WatchRequest, type WatchResponse, WatchService } from './messages.ts';
import type { ClientStream } from './testing/grpcClient.ts';
import type { LocalService } from './testing/localService.ts';
import { startLocal } from './testing/startLocal.ts';

type Stream = ClientStream<WatchRequest, WatchResponse>;

async function next(stream: Stream): Promise<WatchResponse> {
  const response = await stream.next();
  assert.ok(response, `the stream has ended: ${stream.status?.message}`);
  return response;
}

async function put(service: LocalService, key: string, value: string): Promise<void> {
  assert.ok((await service.execute({ type: 'Put', key, value })).ok);
}

function keysAndRevisions({ events }: WatchResponse): [string | undefined, number | undefined][] {
  return events.map(({ kv }) => [kv?.key, kv?.modRevision]);
}

test('watches of one stream are created in order, each with its id, and see what concerns them', async (t) => {
  const { client, service, errors } = await startLocal(t);
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a' } });
  stream.send({ createRequest: { key: 'b', watchId: '7' } });
  stream.send({ createRequest: { key: 'a', rangeEnd: 'c', filters: [0] } });
  const created = [await next(stream), await next(stream), await next(stream)];
  assert.deepEqual(
    created.map(({ watchId, created }) => [watchId, created]),
    [
      ['0', true],
      ['7', true],
      ['1', true],
    ],
  );
  await put(service, 'b', 'x');
  assert.deepEqual([(await next(stream)).watchId], ['7']);
  await service.execute({ type: 'DeleteRange', key: 'b' });
  const both = [await next(stream), await next(stream)];
  assert.deepEqual(both.map(({ watchId }) => watchId).sort(), ['1', '7']);
  assert.ok(both.every(({ events, header }) => events[0]?.type === 1 && header?.revision === 3));
  assert.deepEqual(errors, []);
});

test('an id that is taken, a range of nothing and a start before everything are refused, the stream goes on', async (t) => {
  const { client, service } = await startLocal(t);
  const stream = client.open(WatchService.Watch);
  for (const request of [{ watchId: '3' }, { watchId: '3' }, { rangeEnd: 'a' }, { startRevision: -1 }]) {
    stream.send({ createRequest: { key: 'a', ...request } });
  }
  const answers = [await next(stream), await next(stream), await next(stream), await next(stream)];
  assert.deepEqual(
    answers.map(({ watchId, canceled, cancelReason }) => [watchId, canceled, cancelReason]),
    [
      ['3', false, ''],
      ['-1', true, 'mvcc: duplicate watch ID provided on the WatchStream'],
      ['-1', true, 'mvcc: watcher range is empty'],
      ['-1', true, 'etcdserver: mvcc: required revision has been compacted'],
    ],
  );
  await put(service, 'a', 'x');
  assert.equal((await next(stream)).watchId, '3');
});

test('a cancelled watch says so once and is silent from then on; cancelling what is not there says nothing', async (t) => {
  const { client, service } = await startLocal(t);
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a' } });
  stream.send({ createRequest: { key: 'a' } });
  await next(stream);
  await next(stream);
  stream.send({ cancelRequest: { watchId: '9' } });
  stream.send({ cancelRequest: { watchId: '0' } });
  const canceled = await next(stream);
  assert.deepEqual([canceled.watchId, canceled.canceled], ['0', true]);
  await put(service, 'a', 'x');
  assert.equal((await next(stream)).watchId, '1');
});

test('a watch from a compacted revision is created, then cancelled with the revision of the compaction', async (t) => {
  const { client, service } = await startLocal(t);
  for (let i = 0; i < 5; i += 1) await put(service, 'a', String(i));
  await service.execute({ type: 'Compact', revision: 5 });
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a', startRevision: 2 } });
  assert.deepEqual([(await next(stream)).created], [true]);
  const canceled = await next(stream);
  assert.deepEqual([canceled.canceled, canceled.compactRevision], [true, 5]);
});

test('a revision comes whole; split, where the client asked for fragments', async (t) => {
  const { client, service } = await startLocal(t, { limits: { maxRequestBytes: 1000 } });
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a', rangeEnd: 'z', watchId: '1' } });
  stream.send({ createRequest: { key: 'a', rangeEnd: 'z', watchId: '2', fragment: true } });
  await next(stream);
  await next(stream);
  const value = 'v'.repeat(400_000);
  const success = ['a', 'b', 'c'].map((key) => ({ type: 'Put', key, value }) as const);
  await service.execute({ type: 'Txn', compare: [], success, failure: [] });
  const responses = [await next(stream), await next(stream), await next(stream), await next(stream)];
  assert.deepEqual(
    responses.map(({ watchId, fragment, events }) => [watchId, fragment, events.length]),
    [
      ['1', false, 3],
      ['2', true, 1],
      ['2', true, 1],
      ['2', false, 1],
    ],
  );
});

test('a client that does not read is not sent more than fits, and learns that it was too slow', async (t) => {
  const { client, service, errors } = await startLocal(t);
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a' } });
  await next(stream);
  stream.pause();
  const written = 2000;
  const value = 'v'.repeat(20_000);
  for (let i = 0; i < written; i += 1) await put(service, 'a', value);
  await service.execute({ type: 'Compact', revision: service.store.revision });
  stream.resume();
  let seen = 0;
  let response = await next(stream);
  for (; !response.canceled; response = await next(stream)) seen += response.events.length;
  assert.equal(response.compactRevision, service.store.revision);
  assert.ok(seen < written / 4, `${seen} events of 20 KB were on their way to a client that read none`);
  t.diagnostic(`${seen} of ${written} events were sent before the client read`);
  assert.deepEqual(errors, []);
});

test('what a slow client is sent late is complete and in order', async (t) => {
  const { client, service } = await startLocal(t);
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a' } });
  await next(stream);
  stream.pause();
  for (let i = 0; i < 3000; i += 1) await put(service, 'a', 'v'.repeat(i % 5_000));
  stream.resume();
  const revisions: number[] = [];
  while (revisions.length < 3000)
    for (const { kv } of (await next(stream)).events) revisions.push(kv?.modRevision ?? 0);
  assert.deepEqual(
    revisions,
    Array.from({ length: 3000 }, (_, index) => index + 2),
  );
});

test('a client that asks for watch after watch and reads nothing is not listened to any more', async (t) => {
  const { client, service } = await startLocal(t);
  let created = 0;
  const { store } = service;
  const watch = store.watch.bind(store);
  store.watch = (request, onReady) => {
    created += 1;
    return watch(request, onReady);
  };
  const asked = 20_000;
  const stream = client.open(WatchService.Watch);
  stream.pause();
  for (let i = 0; i < asked; i += 1) stream.send({ createRequest: { key: 'a' } });
  await until('the client is not listened to any more', async () => {
    const before = created;
    for (let i = 0; i < 20; i += 1) await client.call(KVService.Range, { key: 'a' });
    return created > 0 && created === before;
  });
  assert.ok(created < asked / 2, `${created} watches for a client that read nothing`);
  stream.resume();
  for (let i = 0; i < asked; i += 1) assert.equal((await next(stream)).created, true);
});

test('progress is told when every watch of the stream has been sent everything', async (t) => {
  const { client, service } = await startLocal(t);
  for (let i = 0; i < 300; i += 1) await put(service, 'a', 'v'.repeat(20_000));
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a', startRevision: 1 } });
  stream.send({ createRequest: { key: 'b', startRevision: 1 } });
  stream.send({ progressRequest: {} });
  stream.pause();
  for (let i = 0; i < 300; i += 1) await put(service, 'a', 'v'.repeat(20_000));
  stream.resume();
  let last = 0;
  let response = await next(stream);
  for (; response.watchId !== '-1'; response = await next(stream)) {
    for (const [, revision = 0] of keysAndRevisions(response)) last = revision;
  }
  assert.equal(response.header?.revision, last);
  assert.equal(last, service.store.revision);
});

test('progress is not told where there is no watch, or one that begins in the future', async (t) => {
  const { client, service } = await startLocal(t);
  const stream = client.open(WatchService.Watch);
  stream.send({ progressRequest: {} });
  stream.send({ createRequest: { key: 'a' } });
  stream.send({ createRequest: { key: 'b', startRevision: 3 } });
  for (let i = 0; i < 2; i += 1) assert.equal((await next(stream)).created, true);
  stream.send({ progressRequest: {} });
  await put(service, 'a', 'v');
  assert.deepEqual(keysAndRevisions(await next(stream)), [['a', 2]]);
  await put(service, 'c', 'v');
  stream.send({ progressRequest: {} });
  assert.deepEqual((await next(stream)).watchId, '-1');
});

test('a watch that asked for it is told of progress when nothing has happened, not before its first revision', async (t) => {
  const clock = createSimulatedClock(0);
  const { client, service } = await startLocal(t, { clock, limits: { progressNotifyIntervalMs: 1000 } });
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a', progressNotify: true } });
  stream.send({ createRequest: { key: 'b', progressNotify: true, startRevision: 3 } });
  stream.send({ createRequest: { key: 'c' } });
  for (let i = 0; i < 3; i += 1) await next(stream);
  await put(service, 'c', '1');
  assert.equal((await next(stream)).watchId, '2');
  await clock.advance(1000);
  const first = await next(stream);
  assert.deepEqual([first.watchId, first.events, first.header?.revision], ['0', [], 2]);
  await put(service, 'a', '1');
  assert.equal((await next(stream)).watchId, '0');
  await clock.advance(1000);
  // The other one has just been sent something, and this one begins at the revision that is there now.
  assert.equal((await next(stream)).watchId, '1');
});

test('a watch that is behind is not told of progress that it has not made', async (t) => {
  const clock = createSimulatedClock(0);
  const { client, service } = await startLocal(t, { clock, limits: { progressNotifyIntervalMs: 1000 } });
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: 'a', progressNotify: true } });
  await next(stream);
  stream.pause();
  for (let i = 0; i < 500; i += 1) await put(service, 'a', 'v'.repeat(20_000));
  for (let i = 0; i < 3; i += 1) await clock.advance(1000);
  stream.resume();
  for (let seen = 1; seen < service.store.revision; ) {
    const response = await next(stream);
    if (response.events.length === 0)
      assert.ok((response.header?.revision ?? 0) <= seen, 'told of what it has not seen');
    for (const [, revision = 0] of keysAndRevisions(response)) seen = revision;
  }
});

test('a client that needs a leader is told when there is none, and has been none for three election timeouts', async (t) => {
  const clock = createSimulatedClock(0);
  const { client, service } = await startLocal(t, { clock });
  const noLeader = new GrpcStatus(14, 'etcdserver: no leader');
  const needing = client.open(WatchService.Watch, { hasleader: 'true' });
  needing.send({ createRequest: { key: 'a' } });
  const patient = client.open(WatchService.Watch);
  patient.send({ createRequest: { key: 'a' } });
  await next(needing);
  await next(patient);
  service.setLeader(false);
  await clock.advance(4_000);
  service.setLeader(true);
  await clock.advance(4_000);
  await put(service, 'a', 'w');
  assert.equal((await next(needing)).events.length, 1);
  assert.equal((await next(patient)).events.length, 1);
  service.setLeader(false);
  await clock.advance(4_500);
  assert.equal(await needing.next(), null);
  assert.deepEqual(needing.status, noLeader);
  const late = client.open(WatchService.Watch, { hasleader: 'true' });
  assert.equal(await late.next(), null);
  assert.deepEqual(late.status, noLeader);
  service.setLeader(true);
  await put(service, 'a', 'x');
  assert.equal((await next(patient)).events.length, 1);
});

test('the watches of a client that has gone away are closed', async (t) => {
  const { client, service, errors } = await startLocal(t);
  let open = 0;
  const { store } = service;
  const watch = store.watch.bind(store);
  store.watch = (request, onReady) => {
    const opened = watch(request, onReady);
    open += 1;
    const close = opened.close.bind(opened);
    opened.close = () => {
      open -= 1;
      close();
    };
    return opened;
  };
  const stream = client.open(WatchService.Watch);
  for (let i = 0; i < 10; i += 1) stream.send({ createRequest: { key: 'a' } });
  for (let i = 0; i < 10; i += 1) await next(stream);
  assert.equal(open, 10);
  stream.cancel();
  await until('all watches are closed', () => open === 0);
  assert.deepEqual(errors, []);
});
