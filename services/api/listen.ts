import { chmod, unlink } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { FastifyInstance } from 'fastify';

export interface Addresses {
  /** `port` 0: any that is free. */
  tcp?: { host: string; port: number };
  /** Path of a unix socket. */
  socket?: string;
}

/** An address cannot be listened on. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/**
 * Listens where that is asked for, and nowhere else: as Fastify listens once, each address has a server of its own.
 * @throws {ListenError}
 */
export async function listen(create: () => FastifyInstance, { tcp, socket }: Addresses): Promise<FastifyInstance[]> {
  const servers: FastifyInstance[] = [];
  const begin = async (address: string, start: (server: FastifyInstance) => Promise<unknown>) => {
    const server = create();
    servers.push(server);
    try {
      await start(server);
    } catch (cause) {
      await Promise.all(servers.map((one) => one.close()));
      throw new ListenError(`fleet's API cannot be served on ${address}: ${(cause as Error).message}`, { cause });
    }
  };
  if (tcp) await begin(`${tcp.host}:${tcp.port}`, (server) => server.listen(tcp));
  if (socket !== undefined) await begin(socket, (server) => listenLocally(server, socket));
  return servers;
}

async function listenLocally(server: FastifyInstance, path: string): Promise<void> {
  await removeStale(path);
  await server.listen({ path });
  // Its owner and group, as a docker engine's: whoever can connect may run programs on the machines.
  await chmod(path, 0o660);
}

/** A socket that its server left when it was killed; one that somebody listens on stays, and listening fails. */
async function removeStale(path: string): Promise<void> {
  const code = await new Promise<string | undefined>((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(void socket.destroy()));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  if (code === 'ECONNREFUSED') await unlink(path);
}
