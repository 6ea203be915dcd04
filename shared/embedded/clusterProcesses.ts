import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Child, startChild } from './childProcess.ts';
import type { ClusterFile } from './clusterFile.ts';
import { type NatsServer, NatsServerStartError, startNatsServer } from './natsServer.ts';

/** Where the stores of a cluster on one machine listen. */
export const storeHost = '127.0.0.1';

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
  return startService(context, file, { name: `scheduler-${number}`, dir, args: ['scheduler'] });
}

/** `flotilla kv serve`, number 1 and up. */
export function startStore(context: ProcessContext, file: ClusterFile, number: number): Promise<Child> {
  const name = `kv-${number}`;
  const listen = `${storeHost}:${file.stores[number - 1]?.port}`;
  const args = ['kv', 'serve', '--name', name, '--listen', listen];
  return startService(context, file, { name, dir: join(context.dir, name), args });
}

/** `flotilla node`, number 1 and up. */
export function startNode(context: ProcessContext, file: ClusterFile, number: number): Promise<Child> {
  const runtime = context.runtime === undefined ? [] : ['--runtime', context.runtime];
  const [store] = file.stores;
  // Its stores need not answer for a node to know where they are.
  const endpoint = store === undefined ? [] : ['--kv-endpoint', `${storeHost}:${store.port}`];
  const args = ['node', ...runtime, ...endpoint, ...(context.nodeArguments ?? [])];
  return startService(context, file, { name: `node-${number}`, dir: nodeDir(context.dir, number), args });
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

/**
 * Our own NATS, on the port it had before. Another program may have taken that one meanwhile: then, if it `mayMove`
 * (nobody knows its address yet), on a free one.
 * @throws {NatsServerStartError}
 */
export async function startNatsOf(
  { dir, progress }: ProcessContext,
  { nats, user = '', password = '' }: ClusterFile,
  { binary, mayMove }: { binary: string; mayMove: boolean },
): Promise<NatsServer> {
  const options = { binary, dir: join(dir, 'nats'), user, password, detached: true };
  const port = nats?.port ?? 0;
  try {
    return await startNatsServer({ ...options, port });
  } catch (error) {
    if (port === 0 || !mayMove || !(error instanceof NatsServerStartError)) throw error;
    progress(`NATS cannot be started on its port ${port} again; trying a free one. ${error.message}`);
    return startNatsServer(options);
  }
}
