import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { isSystemError } from './files.ts';

/** Below what Linux gives to outgoing connections (ip_local_port_range: 32768 and up), above what services have by name. */
const range = { first: 20_000, end: 32_768 };
const tries = 50;

/** A port that nobody listens on: the preferred one, if it is free. See {@link choosePort}. */
export async function choosePreferredPort(host: string, preferred: number): Promise<number> {
  return (await isFree(host, preferred)) ? preferred : choosePort(host);
}

/**
 * A port that nobody listens on, to be listened on for good. Not one that the kernel may give to an outgoing connection:
 * a client that keeps trying to reach a server which is away would sooner or later be given the server's own port, be
 * connected with itself, and keep the server from coming back.
 */
export async function choosePort(host: string): Promise<number> {
  for (let left = tries; ; left--) {
    const port = randomInt(range.first, range.end);
    if (left === 0 || (await isFree(host, port))) return port;
  }
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error) => (isSystemError(error, 'EADDRINUSE') ? resolve(false) : reject(error)));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
