import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { until } from '../../../test/support/until.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import { AuthService, KVService, LeaseService, LockService, MaintenanceService, WatchService } from './messages.ts';
import { GrpcClient } from './testing/grpcClient.ts';
import { startLocal } from './testing/startLocal.ts';
import type { Method } from './wire/codec.ts';
import { ProtoWriter } from './wire/protoWriter.ts';

const requestBytes = 1.5 * 1024 * 1024;

function frame(message: Buffer, compressed = 0, length = message.length): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = compressed;
  prefix.writeUInt32BE(length, 1);
  return Buffer.concat([prefix, message]);
}

/** How a call ends whose client sends just these bytes. */
async function statusOf(
  client: GrpcClient,
  method: Method<unknown, unknown>,
  bytes: Buffer,
): Promise<GrpcStatus | null> {
  const stream = client.open(method);
  stream.sendBytes(bytes);
  stream.halfClose();
  await stream.all();
  return stream.status;
}

test('a request of more than 1.5 MiB is refused as etcd refuses it, a message far larger by gRPC', async (t) => {
  const { client, errors } = await startLocal(t);
  const fits = await client.call(KVService.Put, { key: 'a', value: 'v'.repeat(requestBytes - 20) });
  assert.ok(!(fits instanceof GrpcStatus));
  const tooLarge = await client.call(KVService.Put, { key: 'a', value: 'v'.repeat(requestBytes) });
  assert.deepEqual(tooLarge, new GrpcStatus(3, 'etcdserver: request is too large'));
  const huge = await statusOf(client, KVService.Put, frame(Buffer.alloc(0), 0, 2 ** 31));
  assert.equal(huge?.code, 8);
  assert.match(huge?.message ?? '', /^grpc: received message larger than max/);
  assert.ok(!((await client.call(KVService.Range, { key: 'a' })) instanceof GrpcStatus));
  assert.deepEqual(errors, []);
});

test('messages that are none are answered with an error', async (t) => {
  const { client, errors } = await startLocal(t);
  const malformed = [
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x0a, 0x7f, 0x61]),
    Buffer.from([0x0a]),
    Buffer.from([0x0f]),
  ];
  for (const message of malformed) {
    const status = await statusOf(client, KVService.Put, frame(message));
    assert.equal(status?.code, 13);
    assert.match(status?.message ?? '', /^grpc: failed to unmarshal the received message: /);
  }
  assert.equal((await statusOf(client, KVService.Put, frame(Buffer.alloc(3), 1)))?.code, 12);
  assert.equal((await statusOf(client, KVService.Put, Buffer.from([0, 0])))?.code, 13);
  assert.equal((await statusOf(client, WatchService.Watch, Buffer.from([0, 0])))?.code, 13);
  assert.equal(
    (await statusOf(client, { ...KVService.Put, path: '/etcdserverpb.KV/Peek' }, frame(Buffer.alloc(0))))?.code,
    12,
  );
  assert.deepEqual(errors, []);
});

test('transactions nested without end are refused, not followed', async (t) => {
  const { client, errors } = await startLocal(t);
  let message = Buffer.alloc(0);
  for (let depth = 0; depth < 20_000; depth += 1) {
    const writer = new ProtoWriter();
    writer.bytes(34, message.toString('latin1'));
    const inner = writer.finish();
    writer.bytes(18, inner.toString('latin1'));
    message = Buffer.from(writer.finish());
  }
  const status = await statusOf(client, KVService.Txn, frame(message));
  assert.match(status?.message ?? '', /nested more than 100 deep/);
  assert.deepEqual(errors, []);
});

test('too many operations, an empty key and an unknown comparison are refused', async (t) => {
  const { client } = await startLocal(t);
  const success = Array.from({ length: 129 }, (_, i) => ({ requestPut: { key: `k${i}` } }));
  assert.deepEqual(
    await client.call(KVService.Txn, { success }),
    new GrpcStatus(3, 'etcdserver: too many operations in txn request'),
  );
  assert.deepEqual(await client.call(KVService.Put, {}), new GrpcStatus(3, 'etcdserver: key is not provided'));
  const compared = await client.call(KVService.Txn, { compare: [{ key: 'a', result: 9 }] });
  assert.ok(compared instanceof GrpcStatus && compared.code === 3);
});

test('whatever bytes arrive at whatever method, the server goes on', { timeout: 60_000 }, async (t) => {
  const { client, errors } = await startLocal(t);
  const services = [KVService, WatchService, LeaseService, MaintenanceService, AuthService, LockService];
  const methods = services.flatMap((service) => Object.values(service) as Method<unknown, unknown>[]);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((data) => frame(Buffer.from(data))),
    fc.uint8Array({ maxLength: 60 }).map((data) => Buffer.from(data)),
  );
  // A lock may rightly be waited for, and a snapshot or a watch goes on until its client has had enough.
  const attempt = async ([method, data]: [Method<unknown, unknown>, Buffer]) => {
    const stream = client.open(method);
    stream.sendBytes(data);
    stream.halfClose();
    await Promise.race([stream.next(), new Promise((resolve) => setImmediate(resolve))]);
    stream.cancel();
  };
  await fc.assert(fc.asyncProperty(fc.tuple(fc.constantFrom(...methods), bytes), attempt), { numRuns: 600 });
  await client.call(AuthService.AuthDisable, {});
  const after = await client.call(KVService.Range, { key: 'a' });
  assert.ok(!(after instanceof GrpcStatus), after instanceof GrpcStatus ? after.message : '');
  assert.deepEqual(errors, []);
});

/** What the server answers to bytes on a connection of their own, until it closes it. */
async function answerTo(port: number, ...parts: (string | Buffer)[]): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  const received: Buffer[] = [];
  socket.on('data', (chunk) => received.push(chunk));
  socket.on('error', () => {});
  await once(socket, 'connect');
  for (const part of parts) {
    socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  socket.end();
  await once(socket, 'close');
  return Buffer.concat(received).toString('latin1');
}

test('a connection that speaks neither HTTP/2 nor HTTP/1.1 is closed, the others stay', async (t) => {
  const { client, port, errors } = await startLocal(t);
  const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  assert.match(await answerTo(port, 'hello\r\n\r\n'), /^HTTP\/1.1 400/);
  assert.match(await answerTo(port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc'), /^(HTTP\/1.1 400|$)/);
  await answerTo(port, 'PR', 'I', ' * HTTP/2.0\r\n\r\nNO');
  await answerTo(port, preface, Buffer.alloc(1000, 0xff));
  await answerTo(port, preface, Buffer.from([0xff, 0xff, 0xff, 1, 4, 0, 0, 0, 1]));
  await answerTo(port, 'P');
  await answerTo(port, 'PRI');
  await answerTo(port);
  assert.ok(!((await client.call(KVService.Range, { key: 'a' })) instanceof GrpcStatus));
  assert.deepEqual(errors, []);
});

test('HTTP/2 requests that are not gRPC are told so', async (t) => {
  const { port } = await startLocal(t);
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  for (const [headers, expected] of [
    [{ ':method': 'GET', ':path': '/health' }, 405],
    [{ ':method': 'POST', ':path': '/etcdserverpb.KV/Put', 'content-type': 'application/json' }, 415],
  ] as const) {
    const [answer] = await once(session.request(headers).end(), 'response');
    assert.equal(answer[':status'], expected);
  }
});

test('a client that floods is refused what is too much, and served again when there is room', async (t) => {
  const { client, service, port } = await startLocal(t, { limits: { maxRequests: 8 } });
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  service.readBarrier = async () => {
    await gate;
    return null;
  };
  const other = new GrpcClient(port);
  t.after(() => other.close());
  const calls = Array.from({ length: 500 }, (_, i) => (i % 2 ? client : other).call(KVService.Range, { key: 'a' }));
  let refused = 0;
  for (const call of calls) void call.then(() => (refused += 1));
  await until('all that is too much is refused', () => refused === 500 - 8);
  assert.deepEqual(await Promise.race(calls), new GrpcStatus(8, 'etcdserver: too many requests'));
  release();
  const served = (await Promise.all(calls)).filter((answer) => !(answer instanceof GrpcStatus));
  assert.equal(served.length, 8);
  assert.ok(!((await other.call(KVService.Range, { key: 'a' })) instanceof GrpcStatus));
});

test('a client that floods with large requests is refused what is too much, by its bytes', async (t) => {
  const { client, service } = await startLocal(t, { limits: { maxBytesInProgress: 3_500_000 } });
  let release: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const execute = service.execute.bind(service);
  service.execute = async (...args: Parameters<typeof execute>) => {
    await gate;
    return execute(...args);
  };
  const put = () => client.call(KVService.Put, { key: 'a', value: 'v'.repeat(1_000_000) });
  const calls = Array.from({ length: 10 }, put);
  let refused = 0;
  for (const call of calls) void call.then(() => (refused += 1));
  await until('all that is too much is refused', () => refused === 10 - 3);
  release();
  const answers = await Promise.all(calls);
  assert.equal(answers.filter((answer) => !(answer instanceof GrpcStatus)).length, 3);
  assert.ok(!((await put()) instanceof GrpcStatus));
});

test('an exception ends its call and is reported, nothing else happens', async (t) => {
  const { client, service, errors } = await startLocal(t);
  const bug = new Error('a bug');
  service.members = () => {
    throw bug;
  };
  service.renewLease = () => Promise.reject(bug);
  const watch = service.store.watch;
  service.store.watch = () => {
    throw bug;
  };
  const internal = /the server failed to answer/;
  const memberList = {
    path: '/etcdserverpb.Cluster/MemberList',
    request: KVService.Compact.request,
    response: KVService.Compact.response,
  };
  const failed = await client.call(memberList, {});
  assert.ok(failed instanceof GrpcStatus);
  assert.equal(failed.code, 13);
  assert.match(failed.message, internal);
  const renewed = await client.call(LeaseService.LeaseKeepAlive, { ID: '1' });
  assert.ok(renewed instanceof GrpcStatus);
  const watched = await client.call(WatchService.Watch, { createRequest: { key: 'a' } });
  assert.ok(watched instanceof GrpcStatus);
  service.store.watch = watch;
  assert.deepEqual(errors, [bug, bug, bug]);
  assert.ok(!((await client.call(KVService.Put, { key: 'a' })) instanceof GrpcStatus));
});
