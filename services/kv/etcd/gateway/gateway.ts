import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CallEnvironment, Route } from '../grpc/route.ts';
import { HttpPeer } from './httpPeer.ts';
import { procedures } from './paths.ts';

/** All of its paths begin so. */
const prefix = '/v3/';

/** Answers the request, if it is for one of its paths: false, if not. */
export type Gateway = (request: IncomingMessage, response: ServerResponse, path: string) => Promise<boolean>;

/** Names in JSON and base64 make a request longer than it counts. */
const mostBodyPerRequest = 3;

/**
 * etcd's API for who has no gRPC: JSON over HTTP/1.1, a POST for each call (etcd's documentation, "gRPC gateway"). A
 * stream's requests are the JSON values of the body, its answers lines that begin when the body has come.
 */
export function createGateway(routes: readonly Route[], environment: CallEnvironment): Gateway {
  const byPath = new Map(routes.map((route) => [route.path, route]));
  return async (request, response, path) => {
    if (!path.startsWith(prefix)) return false;
    const procedure = Object.hasOwn(procedures, path) ? procedures[path] : undefined;
    const route = procedure === undefined ? undefined : byPath.get(procedure);
    if (route === undefined) return refuse(response, 404, 'Not Found');
    if (request.method !== 'POST') return refuse(response, 405, 'Method Not Allowed');
    const body = await readBody(request, environment.maxRequestBytes * mostBodyPerRequest);
    const peer = new HttpPeer(request, response, body ?? '', route.streams);
    if (body === null) peer.end(environment.requestTooLarge);
    else await route.converse(peer, environment);
    return true;
  };
}

function refuse(response: ServerResponse, status: number, text: string): true {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
  return true;
}

/** null: it is longer than that; the rest is not read. */
async function readBody(request: IncomingMessage, mostBytes: number): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  // Who sends too much is to hear so, and not to lose its connection.
  for await (const part of request.iterator({ destroyOnReturn: false })) {
    bytes += part.length;
    if (bytes > mostBytes) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}
