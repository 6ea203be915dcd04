import { systemClock } from '../../shared/clock/systemClock.ts';
import { type Cluster, type LaunchOptions, launchCluster } from '../../shared/embedded/cluster.ts';
import { type ClusterFile, readClusterFile } from '../../shared/embedded/clusterFile.ts';
import { awaitMachines } from '../awaitMachines.ts';
import { renderBox } from '../box.ts';
import { connectTo } from '../client.ts';
import { clusterDirectory, defaultDirectory, namedEndpoint } from '../endpoint.ts';
import { exitCode, UsageError } from '../errors.ts';
import type { Invocation } from '../verb.ts';
import { count, shortId } from '../words.ts';

const defaultNodes = 3;
const mostNodes = 100;
/** A machine that died is up again after this time: long enough to see its units move. */
const nodeReturnMs = 10_000;
const mostSchedulers = 9;
/** JetStream keeps no more copies. */
const natsServerCounts = ['1', '3', '5'] as const;
const mostStores = 9;
/** etcd's own. */
const etcdPort = 2379;
/** Not etcd's; fleet's own is a unix socket. */
const apiPort = 7070;
/** Signals this close to the first one are the same wish. */
const echoMs = 500;
/** What shells report of a program that SIGINT ended. */
const interrupted = 130;

/** Runs a cluster on this machine until a signal comes; a second one ends it at once and leaves its units running. */
export async function up(call: Invocation): Promise<number> {
  const { io } = call;
  const stop = new AbortController();
  let cluster: Cluster | null = null;
  const stopAtOnce = () => abandon(cluster?.file ?? null);
  onSignals(() => {
    io.err('stopping the units and then the cluster; once more, and it ends at once and leaves the units running');
    stop.abort();
  }, stopAtOnce);
  cluster = await launchCluster(await launchOptions(call));
  await announce(call, cluster.file, stop.signal);
  if (!stop.signal.aborted) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  await cluster.stop();
  io.err('stopped');
  return exitCode.done;
}

async function launchOptions({ options, io }: Invocation): Promise<LaunchOptions> {
  const server = options.text('server');
  const runtime = options.choice('runtime', ['auto', 'process']);
  const nats = options.choice('nats', natsServerCounts);
  if (server !== undefined && nats !== undefined)
    throw new UsageError('--nats is for NATS servers of its own: leave out --server, or leave out --nats');
  const dir = clusterDirectory(options.text('dir'), io.env);
  const replicas = Number(nats ?? ((await readClusterFile(dir))?.nats.length || 1));
  return {
    dir,
    nodes: options.count('nodes', { min: 1, max: mostNodes }) ?? defaultNodes,
    schedulers: options.count('schedulers', { min: 1, max: mostSchedulers }) ?? replicas,
    stores: options.count('stores', { min: 0, max: mostStores }) ?? replicas,
    ...(nats === undefined ? {} : { natsServers: replicas }),
    etcdPort,
    ...(options.flag('api') ? { apiPort } : {}),
    // The same program, started the same way.
    command: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
    nodeReturnMs,
    progress: (line) => io.err(line),
    ...(server === undefined ? {} : namedEndpoint(server, io.env)),
    ...(runtime === undefined ? {} : { runtime }),
  };
}

/**
 * A terminal that goes away counts as a signal to stop, too. One Ctrl-C may arrive twice, from the terminal and passed on
 * by npm; timeout(1) signals its child and then the child's group.
 */
function onSignals(first: () => void, again: () => void): void {
  let firstAt: number | null = null;
  const listener = () => {
    if (firstAt === null) first();
    else if (systemClock.monotonicNow() - firstAt > echoMs) again();
    firstAt ??= systemClock.monotonicNow();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, listener);
}

/** Ends our processes and ourselves without another moment's delay. The next `up` finds and adopts the units. */
function abandon(file: Readonly<ClusterFile> | null): never {
  const services = file === null ? [] : [...file.schedulers, ...file.stores, ...file.apis, ...file.nodes, ...file.nats];
  for (const { pid } of services) if (pid !== undefined) killIfThere(pid);
  process.exit(interrupted);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until the nodes have joined, and says how to go on. A cluster that is slow to come up is left to do so. */
async function announce(call: Invocation, file: Readonly<ClusterFile>, signal: AbortSignal): Promise<void> {
  const { io } = call;
  const { server, user, password } = file;
  const endpoint = { server, ...(user ? { user } : {}), ...(password ? { password } : {}) };
  try {
    const client = await connectTo(endpoint, call);
    const ids = file.nodes.map(({ id }) => id);
    await awaitMachines(client, { ids, clock: systemClock, signal, onProgress: (line) => io.progress(line) });
    await client.close();
  } catch (error) {
    io.err(`not everything has come up yet: ${error instanceof Error ? error.message : String(error)}`);
  }
  io.progress(null);
  if (!signal.aborted) for (const line of summary(call, file)) io.out(line);
}

function summary({ options, io }: Invocation, file: Readonly<ClusterFile>): string[] {
  const typed = options.text('dir') ?? io.env.FLOTILLA_DIR;
  const flotilla = typed === undefined || typed === defaultDirectory ? 'flotilla' : `flotilla --dir ${typed}`;
  return renderBox([
    `Flotilla runs: ${count(file.nodes.length, 'node')}, ${count(file.schedulers.length, 'scheduler')}`,
    '',
    ...file.server.split(',').map((server) => `server     ${server}`),
    ...file.stores.map(({ port }) => `etcd API   127.0.0.1:${port}`),
    ...file.apis.map(({ port }) => `fleet API  http://127.0.0.1:${port}`),
    `directory  ${clusterDirectory(typed, io.env)} (logs in logs/)`,
    `nodes      ${file.nodes.map(({ id }) => shortId(id)).join(' ')}`,
    '',
    'In another terminal:',
    `  ${flotilla} list-machines`,
    `  ${flotilla} start FILE.service`,
    `  ${flotilla} events -f`,
    'Ctrl-C here stops it all.',
  ]);
}
