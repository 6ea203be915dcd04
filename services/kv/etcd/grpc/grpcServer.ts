import type { Socket } from 'node:net';
import { encodeHeaders } from '../http2/encodeHeaders.ts';
import { FlushTurns } from '../http2/flushTurns.ts';
import { ServerConnection } from '../http2/serverConnection.ts';
import type { ServerStream } from '../http2/serverStream.ts';
import { GrpcCode, GrpcStatus } from './grpcStatus.ts';
import { respondStatus } from './respond.ts';
import type { CallEnvironment, Route } from './route.ts';

/** gRPC over connections that somebody else accepts. */
export interface GrpcServer {
  /** Serves a client that has begun to speak HTTP/2. `user`: whom its certificate names. */
  accept(socket: Socket, user?: string): void;
  /** Takes no more calls; those that are open go on. */
  retire(): void;
  /** Ends all connections when what was answered has been sent. */
  close(): void;
}

/**
 * A gRPC server (grpc.io, "gRPC over HTTP2") for clients without compression: a call is a few callbacks, its answer one
 * write.
 */
export function createGrpcServer(routes: readonly Route[], environment: CallEnvironment): GrpcServer {
  const byPath = new Map(routes.map((route) => [route.path, route]));
  const connections = new Set<ServerConnection>();
  let isRetired = false;
  const flushes = new FlushTurns();
  return {
    accept(socket, user) {
      const ofConnection = user === undefined ? environment : { ...environment, user };
      const onStream = (stream: ServerStream) => serve(stream, byPath, ofConnection);
      const connection = new ServerConnection(socket, flushes, onStream, () => connections.delete(connection));
      connections.add(connection);
      // Its client connected before, and has begun to speak only now.
      if (isRetired) connection.retire();
    },
    retire() {
      isRetired = true;
      for (const connection of connections) connection.retire();
    },
    close() {
      for (const connection of connections) connection.end();
    },
  };
}

function serve(stream: ServerStream, byPath: ReadonlyMap<string, Route>, environment: CallEnvironment): void {
  const { headers } = stream;
  const refusal = refusalOf(headers.get(':method'), headers.get('content-type'));
  if (refusal !== null) return stream.respondAndEnd(encodeHeaders({ ':status': String(refusal) }));
  const route = byPath.get(headers.get(':path') ?? '');
  if (route === undefined) return respondStatus(stream, unknownMethod(headers.get(':path')));
  route.open(stream, environment);
}

/** The HTTP status of a request that is not gRPC's. */
function refusalOf(method: string | undefined, contentType: string | undefined): number | null {
  if (method !== 'POST') return 405;
  return contentType?.startsWith('application/grpc') ? null : 415;
}

function unknownMethod(path: string | undefined): GrpcStatus {
  return new GrpcStatus(GrpcCode.Unimplemented, `unknown method ${path}`);
}
