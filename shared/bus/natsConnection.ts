/** The one connection to NATS that a process has; `natsBus.ts` and `log/jetStreamLog.ts` share it. */

import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, connect, errors, type NatsConnection, type Server } from '@nats-io/transport-node';
import { systemClock } from '../clock/systemClock.ts';
import { LinkWatch } from './linkWatch.ts';
import type { NatsAccess } from './natsAccess.ts';
import { NatsRequests } from './natsRequests.ts';

export interface NatsLink {
  readonly nc: NatsConnection;
  readonly requests: NatsRequests;
  /** Where it first connected to, without credentials. */
  readonly address: string;
  /** True while the connection stands. */
  readonly connected: boolean;
  /** Calls `listener` at every loss and return of the connection; returns what takes it off again. */
  onConnectionChange(listener: (connected: boolean) => void): () => void;
  /** Something was just asked for over this connection, and this is to be the answer: it may tell of a server that hangs. */
  awaits(answer: Promise<unknown>): void;
  /** Sends what is still to be sent and closes. */
  close(): Promise<void>;
}

export interface NatsConnectOptions extends NatsAccess {
  /** What NATS's own monitoring calls this connection. */
  name: string;
  /** How long the first connect may take. */
  timeoutMs?: number;
  /**
   * A server that stops answering is left for another one within a second: for those whom others miss. Not for those who
   * send so much at a time that an answer may take longer. It shows by an answer that does not come (`when-asking`: for
   * those who ask all the time); or it is asked for nothing else again and again (`always`).
   */
  leavesSilentServer?: 'when-asking' | 'always';
}

/** No server answers at that address. */
export class NatsUnreachableError extends Error {
  override readonly name = 'NatsUnreachableError';
}

/** The server does not take these credentials. */
export class NatsAuthorizationError extends Error {
  override readonly name = 'NatsAuthorizationError';
}

/** A file that the connection needs cannot be read. */
export class NatsAccessError extends Error {
  override readonly name = 'NatsAccessError';
}

/** The server is older than Flotilla can work with. */
export class NatsServerTooOldError extends Error {
  override readonly name = 'NatsServerTooOldError';
}

const oldestServer = { major: 2, minor: 11 };
const defaultTimeoutMs = 4_000;
const reconnectWaitMs = { min: 50, max: 250 };
/** Two missed pings end a connection whose other side vanished without a word. */
const pingIntervalMs = 4_000;
const drainTimeoutMs = 1_000;

/**
 * Connects once, and from then on reconnects for ever, so that no caller has to.
 * @throws {NatsUnreachableError}
 * @throws {NatsAuthorizationError}
 * @throws {NatsServerTooOldError}
 * @throws {NatsAccessError}
 */
export async function connectNats(options: NatsConnectOptions): Promise<NatsLink> {
  const target = parseServers(options);
  await checkFiles(options);
  const nc = await firstConnect(target, options);
  const version = nc.info?.version ?? 'unknown';
  if (!isRecentEnough(version)) {
    await nc.close();
    const { major, minor } = oldestServer;
    throw new NatsServerTooOldError(
      `the NATS server at ${target.address} is version ${version}; Flotilla needs ${major}.${minor} or newer`,
    );
  }
  return createLink(nc, target.address, options.leavesSilentServer);
}

interface Target {
  /** `host:port` of each server. */
  servers: string[];
  address: string;
  credentials: { user?: string; pass?: string };
  tls: { caFile?: string; certFile?: string; keyFile?: string } | null;
}

/** Takes credentials out of the URLs, so that no message and no log line ever shows them. */
function parseServers({ server, user, password, ...files }: NatsConnectOptions): Target {
  const urls = server.split(',').map((part) => parseServerUrl(part.trim()));
  const named = urls.find((url) => url.username !== '');
  const login = user ?? (named ? decodeURIComponent(named.username) : undefined);
  const pass = password ?? (named ? decodeURIComponent(named.password) : undefined);
  const servers = urls.map((url) => `${url.hostname}:${url.port || '4222'}`);
  return {
    servers,
    address: servers.map((host) => `nats://${host}`).join(','),
    credentials: { ...(login === undefined ? {} : { user: login }), ...(pass === undefined ? {} : { pass }) },
    tls: files.tlsCa || files.tlsCert || urls.some((url) => url.protocol === 'tls:') ? tlsOptions(files) : null,
  };
}

function tlsOptions({ tlsCa, tlsCert, tlsKey }: Omit<NatsAccess, 'server'>): NonNullable<Target['tls']> {
  return {
    ...(tlsCa === undefined ? {} : { caFile: tlsCa }),
    ...(tlsCert === undefined ? {} : { certFile: tlsCert }),
    ...(tlsKey === undefined ? {} : { keyFile: tlsKey }),
  };
}

/** The client would try for ever, and not say which file it is. */
async function checkFiles({ tlsCa, tlsCert, tlsKey }: NatsAccess): Promise<void> {
  const files = Object.entries({ FLOTILLA_TLS_CA: tlsCa, FLOTILLA_TLS_CERT: tlsCert, FLOTILLA_TLS_KEY: tlsKey });
  for (const [name, file] of files) {
    if (file === undefined) continue;
    await readFile(file).catch((cause) => {
      throw new NatsAccessError(`${name} names a file that cannot be read: ${cause.message}`, { cause });
    });
  }
}

function parseServerUrl(text: string): URL {
  try {
    const url = new URL(text.includes('://') ? text : `nats://${text}`);
    if (url.hostname !== '') return url;
  } catch (cause) {
    throw new NatsUnreachableError(`"${text}" is no address of a NATS server (like nats://127.0.0.1:4222)`, { cause });
  }
  throw new NatsUnreachableError(`"${text}" names no host (an address looks like nats://127.0.0.1:4222)`);
}

async function firstConnect(target: Target, options: NatsConnectOptions): Promise<NatsConnection> {
  const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
  const attempt = connect(connectionOptions(target, options, timeoutMs));
  const deadline = createDeadline(timeoutMs);
  try {
    return await Promise.race([attempt, deadline.expired]);
  } catch (cause) {
    // A connection that comes up after all has nobody left to use it.
    attempt.then((late) => late.close()).catch(() => undefined);
    throw connectError(target, cause, timeoutMs);
  } finally {
    deadline.cancel();
  }
}

function connectionOptions(target: Target, { name }: NatsConnectOptions, timeoutMs: number): ConnectionOptions {
  return {
    servers: target.servers,
    ...target.credentials,
    ...(target.tls ? { tls: target.tls } : {}),
    name,
    timeout: timeoutMs,
    maxReconnectAttempts: -1,
    // Credentials may be put right on the server; a service does not die of it.
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => reconnectWaitMs.min + Math.random() * (reconnectWaitMs.max - reconnectWaitMs.min),
    reconnectToServer: leastRecentlyTried,
    // All servers are named: addresses that they tell of each other need not be reachable, nor stand in a certificate.
    ignoreClusterUpdates: true,
    pingInterval: pingIntervalMs,
    noAsyncTraces: true,
  };
}

/** Not the one that has just been lost, which is where the client would begin: one that hangs still takes connections. */
export function leastRecentlyTried<S extends Pick<Server, 'lastConnect'>>(pool: readonly S[]): S | null {
  return pool.reduce<S | null>(
    (best, server) => (best !== null && best.lastConnect <= server.lastConnect ? best : server),
    null,
  );
}

class DeadlineError extends Error {}

function createDeadline(timeoutMs: number): { expired: Promise<never>; cancel(): void } {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError('no answer')), timeoutMs);
  });
  return { expired, cancel: () => clearTimeout(timer) };
}

function connectError({ address, credentials }: Target, cause: unknown, timeoutMs: number): Error {
  if (cause instanceof errors.AuthorizationError) {
    const who = credentials.user === undefined ? 'a client without credentials' : `user "${credentials.user}"`;
    return new NatsAuthorizationError(`the NATS server at ${address} does not let ${who} in`, { cause });
  }
  const late = cause instanceof DeadlineError || cause instanceof errors.TimeoutError;
  const why = late ? `no answer within ${timeoutMs / 1000} s` : cause instanceof Error ? cause.message : String(cause);
  return new NatsUnreachableError(
    `NATS is not reachable at ${address} (${why}); start a cluster with "flotilla up", or name its server with --server`,
    { cause },
  );
}

function isRecentEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10) || 0);
  return major > oldestServer.major || (major === oldestServer.major && minor >= oldestServer.minor);
}

function createLink(
  nc: NatsConnection,
  address: string,
  leavesSilentServer: NatsConnectOptions['leavesSilentServer'],
): NatsLink {
  const listeners = new Set<(connected: boolean) => void>();
  let connected = true;
  let changes = 0;
  const change = (now: boolean) => {
    if (connected === now) return;
    connected = now;
    changes++;
    for (const listener of [...listeners]) listener(now);
  };
  void watchStatus(nc, change);
  const watch = leavesSilentServer && new LinkWatch(nc, { clock: systemClock, generation: () => changes });
  if (watch && leavesSilentServer === 'always') {
    const over = new AbortController();
    void nc.closed().then(() => over.abort());
    void watch.keepAsking(over.signal);
  }
  return {
    nc,
    requests: new NatsRequests(nc),
    address,
    get connected() {
      return connected;
    },
    onConnectionChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    awaits: (answer) => void watch?.waitFor(answer),
    close: () => closeConnection(nc, connected),
  };
}

async function watchStatus(nc: NatsConnection, change: (connected: boolean) => void): Promise<void> {
  for await (const status of nc.status()) {
    if (status.type === 'disconnect' || status.type === 'close') change(false);
    if (status.type === 'reconnect') change(true);
  }
  change(false);
}

/** Draining needs the server's answer, so it gets a limit: a close must not hang on a server that went away. */
async function closeConnection(nc: NatsConnection, connected: boolean): Promise<void> {
  if (nc.isClosed()) return;
  if (connected && !nc.isDraining()) {
    const deadline = createDeadline(drainTimeoutMs);
    await Promise.race([nc.drain(), deadline.expired]).catch(() => undefined);
    deadline.cancel();
  }
  await nc.close();
}
