import { findServiceEndpoint } from '../endpoint.ts';
import { parseListen } from '../listen.ts';
import type { Options } from '../options.ts';
import type { Invocation } from '../verb.ts';

/** Whoever reaches it may run programs on the machines, so it is the loopback interface unless somebody says otherwise. */
const defaultListen = '127.0.0.1:7070';

/** Serves fleet's HTTP API in this process until it is told to stop. */
export async function api({ options, io }: Invocation): Promise<number> {
  const endpoint = await findServiceEndpoint(options, io.env);
  const addresses = addressesOf(options);
  const { main } = await import('../../services/api/main.ts');
  return main({ ...endpoint, ...addresses });
}

/**
 * Where it is served. With a socket it is there alone unless an address is given, too: a socket has an owner and a group,
 * and a port is for everybody on the machine.
 * @throws {UsageError}
 */
export function addressesOf(options: Options): Addresses {
  const socket = options.text('socket');
  const address = options.text('listen') ?? (socket === undefined ? defaultListen : undefined);
  return {
    ...(address === undefined ? {} : { tcp: parseListen(address) }),
    ...(socket === undefined ? {} : { socket }),
  };
}

interface Addresses {
  tcp?: { host: string; port: number };
  socket?: string;
}
