import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { type Child, startChild } from './childProcess.ts';
import { choosePort } from './choosePort.ts';
import { describeError } from './describeError.ts';
import { lastLinesOf } from './files.ts';
import { type NatsClusterConfig, renderNatsConfig } from './natsConfig.ts';

export interface NatsServerOptions {
  /** Path of the nats-server program. */
  binary: string;
  /** Everything of this server lives here: configuration, streams, log. Made when it is not there. */
  dir: string;
  user: string;
  password: string;
  /** Address to listen on; loopback unless stated. */
  host?: string;
  /** 0, the default: a free one. */
  port?: number;
  serverName?: string;
  cluster?: NatsClusterConfig;
  /**
   * True, the default: it is ready when JetStream answers; a server with a `cluster` waits for the others, too. False: as
   * soon as it takes connections.
   */
  awaitJetStream?: boolean;
  /** How long it may take until it is ready. */
  timeoutMs?: number;
  /** In a process group of its own, so that Ctrl-C on the terminal does not reach it. */
  detached?: boolean;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly logFile: string;
  /** Resolves when the process has ended, whoever ended it, with how. */
  readonly exited: Promise<string>;
  /** Ends it in order; after 10 s by force. */
  stop(): Promise<void>;
  /** SIGKILL, as a crash would be. */
  kill(): Promise<void>;
}

/** The server ended or did not answer in time; the message has its last log lines. */
export class NatsServerStartError extends Error {
  override readonly name = 'NatsServerStartError';
}

const portsDirName = 'ports';
const loopback = '127.0.0.1';
const stopTimeoutMs = 10_000;
const probeIntervalMs = 20;

/**
 * Starts a NATS server of our own and resolves when it is ready.
 * @throws {NatsServerStartError}
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const logFile = join(options.dir, 'nats.log');
  const configFile = await writeConfig(options);
  const child = await startChild([options.binary, '-c', configFile], { logFile, detached: options.detached ?? false });
  try {
    const port = await waitUntilReady(options, child);
    return natsServer(child, { url: urlOf(options, port), port, logFile });
  } catch (cause) {
    await child.kill();
    const last = `the last lines of ${logFile}:\n${await lastLinesOf(logFile, 5)}`;
    throw new NatsServerStartError(`nats-server ${describeError(cause)}; ${last}`, { cause });
  }
}

function natsServer(child: Child, facts: { url: string; port: number; logFile: string }): NatsServer {
  return {
    ...facts,
    pid: child.pid,
    exited: child.exited,
    stop: () => child.stop(stopTimeoutMs),
    kill: () => child.kill(),
  };
}

/** Writes the configuration, which holds the password, readable by its owner alone. */
async function writeConfig(options: NatsServerOptions): Promise<string> {
  const { dir, host = loopback, port = 0, serverName = 'flotilla', user, password, cluster } = options;
  const portsDir = join(dir, portsDirName);
  // What an earlier, killed server left there would be taken for this one's.
  await rm(portsDir, { recursive: true, force: true });
  await mkdir(portsDir, { recursive: true });
  const file = join(dir, 'nats.conf');
  const text = renderNatsConfig({
    serverName,
    host,
    port: port === 0 ? await choosePort(host) : port,
    storeDir: join(dir, 'jetstream'),
    portsDir,
    user,
    password,
    ...(cluster ? { cluster } : {}),
  });
  await rm(file, { force: true });
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

/** Resolves with the port as soon as it is ready there; rejects when the server ends or the time is up. */
async function waitUntilReady(options: NatsServerOptions, child: Child): Promise<number> {
  const { timeoutMs = 15_000 } = options;
  const deadline = AbortSignal.timeout(timeoutMs);
  const ended = new AbortController();
  child.exited.then((how) => ended.abort(how));
  for (let problem = 'it does not listen yet'; ; ) {
    if (ended.signal.aborted) throw new Error(String(ended.signal.reason));
    if (deadline.aborted) throw new Error(`was not ready within ${timeoutMs / 1000} s (${problem})`);
    const port = await readPort(join(options.dir, portsDirName), child.pid);
    if (port !== null) {
      const found = await problemAt(urlOf(options, port), options);
      if (found === null) return port;
      problem = found;
    }
    await sleep(probeIntervalMs);
  }
}

/** The port that the server says it listens on, or null while it has not said so. */
async function readPort(portsDir: string, pid: number): Promise<number | null> {
  const file = (await readdir(portsDir)).find((name) => name.endsWith(`_${pid}.ports`));
  if (file === undefined) return null;
  const text = await readFile(join(portsDir, file), 'utf8');
  const port = /"nats":\s*\[\s*"nats:\/\/[^"]*:(\d+)"/.exec(text)?.[1];
  return port === undefined ? null : Number(port);
}

/** Null when it is ready, else why not: refused, not started yet, no leader in a cluster of servers yet. */
async function problemAt(
  url: string,
  { user, password, awaitJetStream = true }: NatsServerOptions,
): Promise<string | null> {
  try {
    const connection = await connect({ servers: url, user, pass: password, reconnect: false, timeout: 2_000 });
    try {
      if (awaitJetStream) await jetstreamManager(connection, { timeout: 2_000 });
      return null;
    } finally {
      await connection.close();
    }
  } catch (error) {
    return describeError(error);
  }
}

function urlOf({ host = loopback }: NatsServerOptions, port: number): string {
  // A server that listens everywhere is reached by us on this machine.
  const address = host === '0.0.0.0' || host === '::' ? loopback : host;
  return `nats://${address.includes(':') ? `[${address}]` : address}:${port}`;
}
