import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../../../../shared/clock/clock.ts';
import type { CallEnvironment, Route } from '../grpc/route.ts';
import { sendText } from '../httpResponses.ts';
import { HttpPeer } from './httpPeer.ts';
import { procedures } from './paths.ts';

/** Answers the request, if it is for one of its paths: false, if not. */
export type Gateway = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<boolean>;

export interface GatewayOptions {
  routes: readonly Route[];
  environment: CallEnvironment;
  clock: Clock;
}

/** All of its paths begin so. */
const prefix = '/v3/';
/** Names in JSON and base64 make a body so many times longer than what it counts as. */
const bodyBytesPerByte = 3;
/** A body has to come within this long. */
const bodyTimeoutMs = 30_000;

/**
 * etcd's API for who has no gRPC: JSON over HTTP/1.1, a POST for each call (etcd's documentation, "gRPC gateway"). A
 * stream's requests are the JSON values of the body, its answers lines that begin when the body has come.
 */
export function createGateway({ routes, environment, clock }: GatewayOptions): Gateway {
  const byProcedure = new Map(routes.map((route) => [route.path, route]));
  const byPath = new Map(Object.entries(procedures).map(([path, procedure]) => [path, byProcedure.get(procedure)]));
  const mostBytes = environment.maxRequestBytes * bodyBytesPerByte;
  return async (request, response, path) => {
    if (!path.startsWith(prefix)) return false;
    const route = byPath.get(path);
    if (route === undefined) sendText(response, 404, 'text/plain', 'Not Found\n');
    else if (request.method !== 'POST') sendText(response, 405, 'text/plain', 'Method Not Allowed\n');
    else {
      const body = await readBody(request, mostBytes, clock);
      if (body === 'gone') return true;
      const { requestTooLarge } = environment;
      const peer = new HttpPeer(request, response, body === 'too long' ? requestTooLarge : body.text, route.streams);
      await route.converse(peer, environment);
    }
    return true;
  };
}

/** `gone`: its client is, or has taken too long. Of one that is too long the rest is not read. */
async function readBody(
  request: IncomingMessage,
  mostBytes: number,
  clock: Clock,
): Promise<{ text: string } | 'too long' | 'gone'> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const timer = clock.setTimeout(() => request.destroy(), bodyTimeoutMs);
  try {
    // Who sends too much is to hear so, and not to lose its connection.
    for await (const part of request.iterator({ destroyOnReturn: false })) {
      bytes += part.length;
      if (bytes > mostBytes) return 'too long';
      parts.push(part);
    }
    return { text: Buffer.concat(parts).toString() };
  } catch {
    // What ends a body before its end is the end of its connection.
    return 'gone';
  } finally {
    clock.clearTimeout(timer);
  }
}
