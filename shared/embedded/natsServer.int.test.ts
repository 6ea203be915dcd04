import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { findOrFetchNatsServer } from './fetchNatsServer.ts';
import { type NatsServer, type NatsServerOptions, NatsServerStartError, startNatsServer } from './natsServer.ts';

interface Setting {
  dir: string;
  start(options?: Partial<NatsServerOptions>): Promise<NatsServer>;
}

const login = { user: 'flotilla', password: 'secret' };

async function prepare(t: TestContext): Promise<Setting> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla nats-'));
  const { path: binary } = await findOrFetchNatsServer({ progress: console.error });
  const servers: NatsServer[] = [];
  t.after(async () => {
    await Promise.all(servers.map((server) => server.stop()));
    await rm(dir, { recursive: true, force: true });
  });
  return {
    dir,
    async start(options) {
      const server = await startNatsServer({ binary, dir, ...login, ...options });
      servers.push(server);
      return server;
    },
  };
}

test('it listens on loopback alone, serves no monitoring, and keeps its password to itself', async (t) => {
  const { dir, start } = await prepare(t);
  const { url, port, logFile } = await start();
  assert.equal(url, `nats://127.0.0.1:${port}`);
  assert.equal((await stat(join(dir, 'nats.conf'))).mode & 0o777, 0o600);
  const log = await readFile(logFile, 'utf8');
  assert.match(log, new RegExp(`Listening for client connections on 127\\.0\\.0\\.1:${port}`));
  assert.doesNotMatch(log, /http monitor/i);
});

test('any password without control characters lets in whoever has it', async (t) => {
  const { dir, start } = await prepare(t);
  for (const [index, password] of ['123', '12e3', 'a"b\\c', "it's $HOME #1", 'pässwörd €', '{}[];,'].entries()) {
    const server = await start({ dir: join(dir, String(index)), password });
    const connection = await connect({ servers: server.url, user: login.user, pass: password, reconnect: false });
    await connection.close();
    await server.stop();
  }
  await assert.rejects(start({ password: 'a\nb' }), RangeError);
});

test('a server that cannot start says why, with the last lines of its log', async (t) => {
  const { start } = await prepare(t);
  const squatter = createServer().listen(0, '127.0.0.1');
  t.after(() => squatter.close());
  await new Promise((resolve) => squatter.once('listening', resolve));
  const address = squatter.address();
  assert.ok(address !== null && typeof address === 'object');
  await assert.rejects(start({ port: address.port }), (error) => {
    assert.ok(error instanceof NatsServerStartError);
    assert.match(error.message, /exited with code 1.*address already in use/s);
    return true;
  });
});

test('a server that does not get ready is ended when its time is up', async (t) => {
  const { dir, start } = await prepare(t);
  // Alone in a cluster that wants company, it never elects a leader.
  const cluster = { name: 'c', host: '127.0.0.1', port: -1, routes: ['127.0.0.1:1', '127.0.0.1:2'] };
  await assert.rejects(start({ cluster, timeoutMs: 500 }), /was not ready within 0\.5 s/);
  const log = await readFile(join(dir, 'nats.log'), 'utf8');
  assert.match(log, /Starting nats-server/);
});

test('three servers make a cluster that keeps streams three times', async (t) => {
  const { dir, start } = await prepare(t);
  const ports = await freePorts(3);
  const routes = ports.map((port) => `127.0.0.1:${port}`);
  const servers = await Promise.all(
    ports.map((port, index) =>
      start({
        dir: join(dir, String(index)),
        serverName: `s${index}`,
        cluster: { name: 'c', host: '127.0.0.1', port, routes },
        timeoutMs: 30_000,
      }),
    ),
  );
  const connection = await connect({ servers: servers.map(({ url }) => url), user: login.user, pass: login.password });
  const manager = await jetstreamManager(connection);
  const info = await manager.streams.add({ name: 'S', subjects: ['s'], num_replicas: 3 });
  assert.equal(info.cluster?.replicas?.length, 2);
  assert.equal((await jetstream(connection).publish('s', 'x')).seq, 1);
  await connection.close();
});

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports = await Promise.all(
    servers.map(async (server) => {
      await new Promise((resolve) => server.once('listening', resolve));
      const address = server.address();
      return address !== null && typeof address === 'object' ? address.port : 0;
    }),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
