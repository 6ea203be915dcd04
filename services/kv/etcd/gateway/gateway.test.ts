import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { until } from '../../../../test/support/until.ts';
import { type LocalEtcd, startLocal } from '../testing/startLocal.ts';

const a = Buffer.from('a').toString('base64');

async function post(port: number, path: string, body: string): Promise<{ status: number; code?: number }> {
  const response = await fetch(`http://127.0.0.1:${port}/v3/${path}`, { method: 'POST', body });
  return { status: response.status, code: JSON.parse(await response.text()).code };
}

const requestOf = (path: string, body: string) =>
  `POST /v3/${path} HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

/** A connection that says this, and does not read. */
async function say(t: TestContext, { port }: LocalEtcd, text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

test('a body that is too long is refused, and the connection goes on', async (t) => {
  const { port } = await startLocal(t);
  for (const megabytes of [2, 8]) {
    const value = 'A'.repeat(megabytes * 1024 * 1024);
    assert.deepEqual(await post(port, 'kv/put', JSON.stringify({ key: a, value })), { status: 400, code: 3 });
  }
  assert.equal((await post(port, 'kv/range', JSON.stringify({ key: a }))).status, 200);
});

test('what recurses without end is refused', async (t) => {
  const { port, errors } = await startLocal(t);
  const body = `${'{"success":[{"request_txn":'.repeat(20_000)}{}${'}]}'.repeat(20_000)}`;
  assert.deepEqual(await post(port, 'kv/txn', body), { status: 400, code: 3 });
  assert.deepEqual(errors, []);
});

test('no path is an error of the server', async (t) => {
  const etcd = await startLocal(t);
  const socket = await say(t, etcd, 'GET // HTTP/1.1\r\nhost: x\r\n\r\n');
  const [answer] = await once(socket, 'data');
  assert.match(String(answer), /^HTTP\/1\.1 400 /);
  assert.deepEqual(etcd.errors, []);
});

test('a client that leaves within its request is forgotten', async (t) => {
  const etcd = await startLocal(t);
  const socket = await say(t, etcd, requestOf('kv/put', JSON.stringify({ key: a })).slice(0, -3));
  await once(socket.resume().end(), 'close');
  assert.equal((await post(etcd.port, 'kv/range', JSON.stringify({ key: a }))).status, 200);
  assert.deepEqual(etcd.errors, []);
});

test('of many requests in one body no more are executed than their client takes the answers of', async (t) => {
  const etcd = await startLocal(t);
  let renewals = 0;
  etcd.service.renewLease = async () => {
    renewals += 1;
    return { ttlS: 0 };
  };
  const count = 200_000;
  const socket = await say(t, etcd, requestOf('lease/keepalive', '{}'.repeat(count)));
  let last = -1;
  await until('it waits for its client', () => {
    const isStill = renewals > 0 && renewals === last;
    last = renewals;
    return isStill;
  });
  assert.ok(renewals < count, `${renewals} of ${count}`);
  socket.destroy();
  await until('it is over', () => renewals === last);
});

test('nothing is left of requests that wait for one another when their client is gone', async (t) => {
  const etcd = await startLocal(t);
  const { store } = etcd.service;
  const open = new Set<object>();
  const watch = store.watch.bind(store);
  store.watch = (...args) => {
    const opened = watch(...args);
    const close = opened.close.bind(opened);
    open.add(opened);
    opened.close = () => {
      open.delete(opened);
      close();
    };
    return opened;
  };
  const body = JSON.stringify({ create_request: { key: a } });
  const socket = await say(t, etcd, requestOf('watch', body).repeat(20));
  await until('all are there', () => open.size === 20);
  socket.destroy();
  await until('none is left', () => open.size === 0);
});

test('a server that retires lets go of who waits, and closes each connection after its answer', async (t) => {
  const { port, server } = await startLocal(t);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const [response] = await once(get({ port, path: '/version', agent }), 'response');
  await once(response.resume(), 'end');
  const silent = connect(port, '127.0.0.1');
  silent.on('error', () => {});
  silent.write('GET /version HTTP/1.1\r\n');
  await once(silent, 'connect');
  await until('the connection is idle', () => Object.values(agent.freeSockets).flat().length === 1);
  const [idle] = Object.values(agent.freeSockets).flat();
  const closed = once(idle as Socket, 'close');
  server.retire();
  await closed;
  silent.destroy();
});
