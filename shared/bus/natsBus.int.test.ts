import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { errors } from '@nats-io/transport-node';
import { startTestNats, type TestNats } from '../../test/support/nats.ts';
import { busContract, busTimeoutContract } from './bus.contract.ts';
import { createNatsBus } from './natsBus.ts';
import {
  connectNats,
  NatsAuthorizationError,
  type NatsLink,
  NatsServerTooOldError,
  NatsUnreachableError,
} from './natsConnection.ts';

type Scope = { after(fn: () => Promise<void>): void };

async function open(t: Scope, nats: TestNats): Promise<NatsLink> {
  const link = await connectNats({ server: nats.url, user: nats.user, password: nats.password, name: 'test' });
  t.after(link.close);
  return link;
}

busContract('nats', async (t) => {
  const nats = await startTestNats(t);
  return { connect: async () => createNatsBus(await open(t, nats)) };
});

busTimeoutContract('nats', async (t) => ({
  bus: createNatsBus(await open(t, await startTestNats(t))),
  advance: (ms) => sleep(ms),
}));

test('credentials may stand in the URL, and the address that messages show has none', async (t) => {
  const nats = await startTestNats(t);
  const withLogin = nats.url.replace('://', `://${nats.user}:${nats.password}@`);
  const link = await connectNats({ server: withLogin, name: 'test' });
  t.after(link.close);
  assert.equal(link.address, nats.url);
});

test('wrong credentials are named as such', async (t) => {
  const nats = await startTestNats(t);
  const login = { server: nats.url, user: 'flotilla', password: 'wrong', name: 'test' };
  await assert.rejects(connectNats(login), (error) => {
    assert(error instanceof NatsAuthorizationError);
    assert.match(error.message, /does not let user "flotilla" in/);
    return true;
  });
});

test('a subscription survives the restart of its server, and both changes are told', async (t) => {
  const nats = await startTestNats(t);
  const link = await open(t, nats);
  const bus = createNatsBus(link);
  bus.subscribe('echo', (message) => message.respond(message.data));
  const back = new Promise<boolean[]>((resolve) => {
    const changes: boolean[] = [];
    bus.onConnectionChange((connected) => {
      changes.push(connected);
      if (connected) resolve(changes);
    });
  });
  await nats.restart();
  assert.deepEqual(await back, [false, true]);
  const reply = await bus.request('echo', new TextEncoder().encode('again'), { timeoutMs: 5_000 });
  assert.equal(new TextDecoder().decode(reply.data), 'again');
});

test('a bus whose server is gone closes promptly', async (t) => {
  const nats = await startTestNats(t);
  const link = await open(t, nats);
  const gone = new Promise((resolve) => link.onConnectionChange(resolve));
  await nats.kill();
  await gone;
  await link.close();
  assert.equal(link.nc.isClosed(), true);
});

test('nobody at the address: the error says where, and how to start one', async () => {
  await assert.rejects(connectNats({ server: 'nats://127.0.0.1:1', name: 'test' }), (error) => {
    assert(error instanceof NatsUnreachableError);
    assert.match(error.message, /nats:\/\/127\.0\.0\.1:1 .*"flotilla up"/);
    return true;
  });
});

test('a server that takes the connection and says nothing is given up on in time', async (t) => {
  const port = await listen(t, () => {});
  const silent = connectNats({ server: `127.0.0.1:${port}`, name: 'test', timeoutMs: 100 });
  await assert.rejects(silent, /no answer within 0.1 s/);
});

test('a server that is too old is refused with its version', async (t) => {
  const info = { server_id: 'X', version: '2.10.26', proto: 1, headers: true, max_payload: 1024 };
  const port = await listen(t, (socket) => {
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on('data', (data) => data.includes('PING') && socket.write('PONG\r\n'));
  });
  await assert.rejects(connectNats({ server: `127.0.0.1:${port}`, name: 'test' }), (error) => {
    assert(error instanceof NatsServerTooOldError);
    assert.match(error.message, /version 2\.10\.26.*2\.11/);
    return true;
  });
});

test('what may not be asked is told at once, and what else is asked meanwhile gets its answer', async (t) => {
  const info = { server_id: 'X', version: '2.11.0', proto: 1, headers: true, max_payload: 1024 };
  const port = await listen(t, (socket) => {
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on('data', (data) => {
      if (data.includes('PING')) socket.write('PONG\r\n');
      if (data.includes('PUB secret ')) socket.write(`-ERR 'Permissions Violation for Publish to "secret"'\r\n`);
      const inbox = /PUB open (\S+) /.exec(data.toString())?.[1];
      if (inbox) socket.write(`MSG ${inbox} 1 2\r\nok\r\n`);
    });
  });
  const link = await connectNats({ server: `127.0.0.1:${port}`, name: 'test' });
  t.after(link.close);
  const bus = createNatsBus(link);
  const ask = (subject: string) => bus.request(subject, new Uint8Array(), { timeoutMs: 60_000 });
  const refused = assert.rejects(ask('secret'), errors.PermissionViolationError);
  assert.equal(new TextDecoder().decode((await ask('open')).data), 'ok');
  await refused;
});

test('text that is no address is refused with an example', async () => {
  await assert.rejects(connectNats({ server: 'nats://', name: 'test' }), NatsUnreachableError);
});

/** Somebody on a free port who speaks whatever `talk` says; returns the port. */
async function listen(t: { after(fn: () => void): void }, talk: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    talk(socket);
  });
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  return address.port;
}
