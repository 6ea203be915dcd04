import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { encodeHeaders } from '../encodeHeaders.ts';
import { FlushTurns } from '../flushTurns.ts';
import { ServerConnection } from '../serverConnection.ts';
import type { ServerStream } from '../serverStream.ts';

type Scope = { after(fn: () => unknown): void };

export interface EchoServer {
  port: number;
  /** The streams of all connections that are open. */
  streams: Set<ServerStream>;
}

const headers = encodeHeaders({ ':status': '200', 'content-type': 'application/octet-stream' });

/** Requests of it are never answered to the end. */
export const heldPath = '/held';
/** After one for it the connection takes no more. */
export const retirePath = '/retire';

/** Answers each request with its body, and with trailers: its path and its header `x-echo`. */
export async function startEchoServer(t: Scope): Promise<EchoServer> {
  const streams = new Set<ServerStream>();
  const sockets = new Set<Socket>();
  const flushes = new FlushTurns();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const onStream = (stream: ServerStream) => {
      echo(stream, streams);
      if (stream.headers.get(':path') === retirePath) connection.retire();
    };
    const connection = new ServerConnection(socket, flushes, onStream, () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, streams };
}

function echo(stream: ServerStream, streams: Set<ServerStream>): void {
  streams.add(stream);
  stream.onClosed(() => streams.delete(stream));
  stream.onDrain(() => stream.resume());
  const trailers = encodeHeaders({
    'x-path': stream.headers.get(':path') ?? '',
    'x-echo': stream.headers.get('x-echo') ?? '',
  });
  stream.respond(headers);
  stream.receive({
    data: (chunk) => {
      if (!stream.write(Buffer.from(chunk))) stream.pause();
    },
    end: () => stream.headers.get(':path') !== heldPath && stream.end(trailers),
  });
}
