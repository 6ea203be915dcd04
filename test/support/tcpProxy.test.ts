import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { startTcpProxy, type TcpProxy } from './tcpProxy.ts';

async function startEcho(t: TestContext): Promise<{ port: number }> {
  const server = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    server.close();
  });
  return { port: (server.address() as AddressInfo).port };
}

async function connect(t: TestContext, { port }: TcpProxy): Promise<Socket> {
  const socket = createConnection(port, '127.0.0.1');
  socket.on('error', () => undefined);
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [data] = await once(socket, 'data');
  return String(data);
}

test('bytes go through, and come back', async (t) => {
  const socket = await connect(t, await startTcpProxy(t, await startEcho(t)));
  assert.equal(await echo(socket, 'hello'), 'hello');
});

test('a cut ends connections and takes no more, until it is healed', async (t) => {
  const proxy = await startTcpProxy(t, await startEcho(t));
  const socket = await connect(t, proxy);
  assert.equal(await echo(socket, 'before'), 'before');
  proxy.cut();
  await once(socket, 'close');
  const refused = await connect(t, proxy);
  await once(refused, 'close');
  proxy.heal();
  assert.equal(await echo(await connect(t, proxy), 'after'), 'after');
});

test('a stall holds back what is sent, and loses nothing of it', async (t) => {
  const proxy = await startTcpProxy(t, await startEcho(t));
  const [stalled, other] = [await connect(t, proxy), await connect(t, await startTcpProxy(t, await startEcho(t)))];
  assert.equal(await echo(stalled, 'before'), 'before');
  proxy.stall();
  let heard = '';
  stalled.on('data', (data) => {
    heard += String(data);
  });
  stalled.write('during');
  // What is sent later elsewhere has come back by now.
  assert.equal(await echo(other, 'elsewhere'), 'elsewhere');
  assert.equal(heard, '');
  proxy.heal();
  await once(stalled, 'data');
  assert.equal(heard, 'during');
});
