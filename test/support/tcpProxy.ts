import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import type { CleanUp } from './nats.ts';

/** What stands between a process and a server, and can part them. */
export interface TcpProxy {
  /** On loopback. */
  readonly port: number;
  /** Ends all connections, and takes no more: the other side sees that at once. */
  cut(): void;
  /** Lets nothing through any more, in silence: the other side learns of it only by waiting. */
  stall(): void;
  /** Lets everything through again; what was held back comes first. */
  heal(): void;
}

type State = 'open' | 'cut' | 'stalled';

export async function startTcpProxy(t: CleanUp, target: { port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let state: State = 'open';
  const keep = (socket: Socket, other: Socket) => {
    sockets.add(socket);
    socket.setNoDelay(true);
    if (state === 'stalled') socket.pause();
    socket.on('data', (data) => {
      if (!other.write(data)) socket.pause();
    });
    other.on('drain', () => {
      if (state === 'open') socket.resume();
    });
    // A broken connection is what this is for.
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  };
  const server = createServer((from) => {
    if (state === 'cut') return from.destroy();
    const to = createConnection(target.port, '127.0.0.1');
    keep(from, to);
    keep(to, from);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const destroyAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(async () => {
    destroyAll();
    server.close();
    await once(server, 'close');
  });
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      state = 'cut';
      destroyAll();
    },
    stall: () => {
      state = 'stalled';
      for (const socket of sockets) socket.pause();
    },
    heal: () => {
      state = 'open';
      for (const socket of sockets) socket.resume();
    },
  };
}
