import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** HTTP/1.1 over connections that somebody else accepts. */
export interface Http1Server {
  accept(socket: Socket): void;
  /** Each connection is closed when what it was asked is answered. */
  retire(): void;
}

/** Clients keep connections between their rounds; of who says nothing for so long none is kept. */
const idleMs = 5 * 60_000;

export function createHttp1Server(answer: (request: IncomingMessage, response: ServerResponse) => void): Http1Server {
  /** By connection, what is not answered yet. */
  const open = new Map<Socket, Set<ServerResponse>>();
  let isRetired = false;
  const server = createServer({ keepAliveTimeout: idleMs }, (request, response) => {
    const { socket } = request;
    const own = open.get(socket);
    own?.add(response);
    response.once('close', () => own?.delete(response));
    if (isRetired) response.setHeader('connection', 'close');
    // Node sets it again when the connection is idle.
    socket.setTimeout(0);
    answer(request, response);
  });
  return {
    accept(socket) {
      open.set(socket, new Set());
      socket.once('close', () => open.delete(socket));
      // Each of many requests that come at once waits for its end.
      socket.setMaxListeners(0);
      socket.setTimeout(idleMs);
      server.emit('connection', socket);
    },
    retire() {
      isRetired = true;
      for (const [socket, responses] of open) {
        for (const response of responses) if (!response.headersSent) response.setHeader('connection', 'close');
        if (responses.size === 0) socket.end();
      }
    },
  };
}
