import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from './childProcess.ts';
import type { ClusterFile } from './clusterFile.ts';
import { type NatsServer, type NatsServerOptions, startNatsServer } from './natsServer.ts';

/** Where NATS, the stores and the API of a cluster on one machine listen. */
export const serviceHost = '127.0.0.1';

/** How the processes of one cluster are started. */
export interface ProcessContext {
  dir: string;
  /** How a service process is started: `[process.execPath, 'dist/flotilla.js']`. */
  command: readonly string[];
  /** What the nodes run units with, if not whatever they find. */
  runtime?: string;
  /** More arguments for every node. */
  nodeArguments?: readonly string[];
  progress: (line: string) => void;
}

/** `flotilla scheduler`, number 1 and up. */
export function startScheduler(context: ProcessContext, file: ClusterFile, number: number): Promise<Child> {
  const dir = join(context.dir, `scheduler-${number}`);
  const args = ['scheduler', ...copies(file)];
  return startService(context, file, { name: `scheduler-${number}`, dir, args });
}

/** `flotilla kv serve`, number 1 and up. */
export function startStore(context: ProcessContext, file: ClusterFile, number: number): Promise<Child> {
  const name = `kv-${number}`;
  const listen = `${serviceHost}:${file.stores[number - 1]?.port}`;
  const args = ['kv', 'serve', '--name', name, '--listen', listen, ...copies(file)];
  return startService(context, file, { name, dir: join(context.dir, name), args });
}

/** `flotilla api`. */
export function startApi(context: ProcessContext, file: ClusterFile, number: number): Promise<Child> {
  const args = ['api', '--listen', `${serviceHost}:${file.apis[number - 1]?.port}`];
  return startService(context, file, { name: 'api', dir: join(context.dir, 'api'), args });
}

/** `flotilla node`, number 1 and up. */
export function startNode(context: ProcessContext, file: ClusterFile, number: number): Promise<Child> {
  const runtime = context.runtime === undefined ? [] : ['--runtime', context.runtime];
  const [store] = file.stores;
  // Its stores need not answer for a node to know where they are.
  const endpoint = store === undefined ? [] : ['--kv-endpoint', `${serviceHost}:${store.port}`];
  const args = ['node', ...runtime, ...endpoint, ...(context.nodeArguments ?? [])];
  return startService(context, file, { name: `node-${number}`, dir: nodeDir(context.dir, number), args });
}

/** Each server has a copy of everything. Somebody else's NATS is asked for nothing. */
function copies({ nats }: ClusterFile): string[] {
  return nats.length > 1 ? ['--replicas', String(nats.length)] : [];
}

export function nodeDir(dir: string, number: number): string {
  return join(dir, 'nodes', String(number));
}

/** The credentials go by the environment: everybody on the machine may read a command line. */
async function startService(
  { dir: clusterDir, command }: ProcessContext,
  { server, user, password }: ClusterFile,
  service: { name: string; dir: string; args: readonly string[] },
): Promise<Child> {
  await mkdir(service.dir, { recursive: true, mode: 0o700 });
  const env = {
    ...process.env,
    ...(user === undefined ? {} : { FLOTILLA_USER: user }),
    ...(password === undefined ? {} : { FLOTILLA_PASSWORD: password }),
  };
  const logFile = join(clusterDir, 'logs', `${service.name}.log`);
  const argv = [...command, ...service.args, '--server', server, '--dir', service.dir];
  return startChild(argv, { logFile, env, detached: true });
}

/** What a NATS server is called; by its number only where there are several. */
export function natsName({ nats }: Pick<ClusterFile, 'nats'>, index: number): string {
  return nats.length > 1 ? `NATS ${index + 1}` : 'NATS';
}

/** Where NATS server `number` of `count` keeps its streams. A cluster has nothing in common with a server by itself. */
export function natsDir(dir: string, number: number, count: number): string {
  return join(dir, count > 1 ? `nats-${number}-of-${count}` : 'nats');
}

/**
 * A NATS server of our own, number 1 and up. JetStream answers as soon as most of them are there.
 * @throws {NatsServerStartError}
 */
export async function startNatsOf(
  { dir }: Pick<ProcessContext, 'dir'>,
  { nats, user = '', password = '' }: Pick<ClusterFile, 'nats' | 'user' | 'password'>,
  { binary, number, awaitJetStream }: { binary: string; number: number; awaitJetStream: boolean },
): Promise<NatsServer> {
  const own = nats[number - 1];
  const cluster = own?.routePort === undefined ? {} : memberOf(nats, own.routePort, number);
  return startNatsServer({
    ...{ binary, dir: natsDir(dir, number, nats.length), port: own?.port ?? 0, user, password, detached: true },
    awaitJetStream,
    ...cluster,
  });
}

function memberOf(nats: ClusterFile['nats'], port: number, number: number): Partial<NatsServerOptions> {
  const routes = nats.map(({ routePort }) => `${serviceHost}:${routePort}`);
  return {
    serverName: `nats-${number}`,
    cluster: { name: 'flotilla', host: serviceHost, port, routes },
  };
}
