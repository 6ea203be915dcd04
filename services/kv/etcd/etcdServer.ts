import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { atMost, type Clock } from '../../../shared/clock/clock.ts';
import type { KvService } from '../kvService.ts';
import { acceptConnection } from './acceptConnection.ts';
import { authRoutes } from './auth.ts';
import { createAuthenticator } from './authenticator.ts';
import { clusterRoutes } from './cluster.ts';
import { defaultLimits, type EtcdContext, type EtcdLimits } from './context.ts';
import { electionRoutes } from './election.ts';
import { refuse } from './errors.ts';
import { createGateway } from './gateway/gateway.ts';
import { createGrpcServer } from './grpc/grpcServer.ts';
import type { CallEnvironment } from './grpc/route.ts';
import { healthRoutes } from './health.ts';
import { createHttp1Server } from './http1Server.ts';
import { answerHttp } from './httpPaths.ts';
import { kvRoutes } from './kv.ts';
import { leaseRoutes } from './lease.ts';
import { lockRoutes } from './lock.ts';
import { maintenanceRoutes } from './maintenance.ts';
import type { EtcdTlsFiles } from './tlsFiles.ts';
import { commonNameOf, createTlsListener } from './tlsListener.ts';
import { watchRoutes } from './watch.ts';

/** How clients are to connect. */
export interface EtcdTls extends EtcdTlsFiles {
  /** A client that brings no token is the user whom its certificate names. */
  clientCertAuth: boolean;
}

export interface EtcdServerOptions {
  service: KvService;
  clock: Clock;
  /** Default: this machine alone. */
  host?: string;
  /** 0: any that is free. */
  port: number;
  /** Absent: in the clear. */
  tls?: EtcdTls;
  limits?: Partial<EtcdLimits>;
  /** The version of etcd that clients are told, which some of them look at before they use what came with it. */
  version?: string;
  /** Told of exceptions that ended a call: they are bugs. */
  onError(error: unknown): void;
}

export interface EtcdServer {
  port: number;
  /** Takes no more connections, and says to clients that they are to go elsewhere; what they have asked is answered. */
  retire(): void;
  /** Takes no more requests, and ends all connections when what was said has been sent. */
  close(): Promise<void>;
}

/** The release of etcd 3.5 whose API this is. */
const defaultVersion = '3.5.21';

/** A client that does not read its last answers is waited for so long, ms. */
const lastWordsMs = 500;

/**
 * Serves etcd v3's API on one port: gRPC, the gateway, and the plain HTTP paths. Rejects when it cannot listen.
 * @throws {TlsFilesError}
 */
export async function startEtcdServer(options: EtcdServerOptions): Promise<EtcdServer> {
  const context = contextOf(options);
  const [routes, environment] = [routesOf(context), environmentOf(context)];
  const grpc = createGrpcServer(routes, environment);
  const gateway = createGateway({ routes, environment, clock: context.clock });
  const http = createHttp1Server((request, response) => {
    answerHttp(context, gateway, request, response).catch((error: unknown) => {
      context.onError(error);
      response.destroy();
    });
  });
  // With TLS the second ones are within the first.
  const [connected, speaking] = [new Set<Socket>(), new Set<Socket>()];
  const userOf = (socket: Socket) => (options.tls?.clientCertAuth ? commonNameOf(socket) : undefined);
  const onSocket = (socket: Socket) => {
    keepWhileOpen(speaking, socket);
    acceptConnection(socket, { http1: http.accept, http2: () => grpc.accept(socket, userOf(socket)) });
  };
  const server = await createListener(options, onSocket);
  server.on('connection', (socket) => keepWhileOpen(connected, socket));
  await listen(server, options);
  const closed = new Promise((resolve) => server.once('close', resolve));
  const retire = () => {
    if (server.listening) server.close();
    grpc.retire();
    http.retire();
  };
  return {
    port: (server.address() as AddressInfo).port,
    retire,
    async close() {
      retire();
      grpc.close();
      for (const socket of speaking) socket.destroySoon();
      await atMost(context.clock, lastWordsMs, closed);
      for (const socket of connected) socket.destroy();
      await closed;
    },
  };
}

function keepWhileOpen(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

function createListener({ tls, clock, onError }: EtcdServerOptions, onSocket: (socket: Socket) => void) {
  if (tls === undefined) return createServer({ noDelay: true }, onSocket);
  return createTlsListener({ files: tls, clock, onSocket, onError });
}

function contextOf({ service, clock, limits, version = defaultVersion, onError }: EtcdServerOptions): EtcdContext {
  const authenticator = createAuthenticator(() => service.store.auth, clock);
  return { service, clock, limits: { ...defaultLimits, ...limits }, version, authenticator, onError };
}

function routesOf(context: EtcdContext) {
  return [
    ...kvRoutes(context),
    ...watchRoutes(context),
    ...leaseRoutes(context),
    ...clusterRoutes(context),
    ...maintenanceRoutes(context),
    ...authRoutes(context),
    ...lockRoutes(context),
    ...electionRoutes(context),
    ...healthRoutes(context),
  ];
}

function environmentOf({ limits, onError }: EtcdContext): CallEnvironment {
  const tooManyRequests = refuse('too-many-requests');
  let [requests, bytesInProgress] = [0, 0];
  return {
    maxRequestBytes: limits.maxRequestBytes,
    requestTooLarge: refuse('request-too-large'),
    enter(bytes) {
      const isFull = requests > 0 && bytesInProgress + bytes > limits.maxBytesInProgress;
      if (isFull || requests >= limits.maxRequests) return tooManyRequests;
      requests += 1;
      bytesInProgress += bytes;
      return null;
    },
    leave(bytes) {
      requests -= 1;
      bytesInProgress -= bytes;
    },
    onError,
  };
}

function listen(server: Server, { host = '127.0.0.1', port }: EtcdServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
