import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type FastifyInstance, fastify } from 'fastify';
import { ListenError, listen } from './listen.ts';

function create(): FastifyInstance {
  return fastify().get('/', async () => 'hello');
}

async function socketPath(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-listen-'));
  t.after(() => rm(directory, { recursive: true }));
  return join(directory, 'api.sock');
}

async function ask(socketPath: string): Promise<string> {
  const [response] = await once(request({ socketPath, path: '/' }).end(), 'response');
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

test('a socket alone opens no port, and is for its owner and group', async (t) => {
  const socket = await socketPath(t);
  const servers = await listen(create, { socket });
  t.after(() => Promise.all(servers.map((server) => server.close())));
  assert.equal(servers.length, 1);
  assert.equal(servers[0]?.server.address(), socket);
  assert.equal((await stat(socket)).mode & 0o777, 0o660);
  assert.equal(await ask(socket), 'hello');
});

test('both addresses have the same service behind them', async (t) => {
  const socket = await socketPath(t);
  const servers = await listen(create, { tcp: { host: '127.0.0.1', port: 0 }, socket });
  t.after(() => Promise.all(servers.map((server) => server.close())));
  const [address] = (servers[0]?.addresses() ?? []) as AddressInfo[];
  assert.equal(await (await fetch(`http://127.0.0.1:${address?.port}/`)).text(), 'hello');
  assert.equal(await ask(socket), 'hello');
});

test('a socket that a killed server left behind is taken over', async (t) => {
  const socket = await socketPath(t);
  const script = `require('node:net').createServer().listen(${JSON.stringify(socket)}, () => console.log('up'))`;
  const killed = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(killed.stdout, 'data');
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  const servers = await listen(create, { socket });
  t.after(() => Promise.all(servers.map((server) => server.close())));
  assert.equal(await ask(socket), 'hello');
});

test('a socket that is in use is left alone, and no port stays open', async (t) => {
  const socket = await socketPath(t);
  const servers = await listen(create, { socket });
  t.after(() => Promise.all(servers.map((server) => server.close())));
  const tried: FastifyInstance[] = [];
  const remembered = () => {
    const server = create();
    tried.push(server);
    return server;
  };
  await assert.rejects(listen(remembered, { tcp: { host: '127.0.0.1', port: 0 }, socket }), (error: Error) => {
    assert.ok(error instanceof ListenError);
    assert.match(error.message, /cannot be served on .*api\.sock: .*EADDRINUSE/);
    return true;
  });
  assert.deepEqual(
    tried.map(({ server }) => server.listening),
    [false, false],
  );
  assert.equal(await ask(socket), 'hello');
});
