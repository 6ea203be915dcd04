/** A whole cluster of one test's own: real NATS, schedulers and nodes as processes, in a directory that goes with it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nanoid } from 'nanoid';
import { type Client, createClient } from '../../cli/client.ts';
import { killMachine, killProcesses } from '../../scripts/support/killMachine.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { connectNats } from '../../shared/bus/natsConnection.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { UnitStateView } from '../../shared/domain/views.ts';
import { type Cluster, launchCluster } from '../../shared/embedded/cluster.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import type { CleanUp } from './nats.ts';
import { until } from './until.ts';

const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));

export interface TestCluster {
  readonly dir: string;
  readonly cluster: Cluster;
  readonly client: Client;
  /** Runs `flotilla --dir … ARGS`. */
  cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  /** The rows of `list-units`. */
  units(): Promise<UnitStateView[]>;
  /** Resolves with the rows once `accept` likes them. */
  unitsUntil(what: string, accept: (rows: UnitStateView[]) => boolean, timeoutMs?: number): Promise<UnitStateView[]>;
  /** From 1, as `flotilla.json` has them. */
  numberOf(machine: string): number;
  killMachine(number: number): Promise<void>;
  /** Stops it, and starts it again with another number of NATS servers. */
  relaunch(options: Pick<TestClusterOptions, 'nats'>): Promise<void>;
  stop(): Promise<void>;
}

export interface TestClusterOptions {
  nodes?: number;
  /** NATS servers, each with a copy of everything. */
  nats?: number;
  schedulers?: number;
  /** Key/value stores. */
  stores?: number;
  /** With fleet's HTTP API. */
  api?: boolean;
  runtime?: 'process' | 'auto';
  /** More arguments of `flotilla node`. */
  nodeArguments?: string[];
}

export async function startTestCluster(t: CleanUp, options: TestClusterOptions = {}): Promise<TestCluster> {
  const { runtime = 'process' } = options;
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-e2e-'));
  let running = await launch(dir, options);
  const end = async () => {
    await running.client.close();
    await running.cluster.stop();
  };
  const stop = async () => {
    await end();
    // Those of a node that was killed, too.
    await Promise.all(running.cluster.file.nodes.map((node) => killProcesses(node.dir)));
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  };
  t.after(stop);
  const units = async () => (await running.client.query({ type: 'ListUnits' })).data.units;
  return {
    dir,
    get cluster() {
      return running.cluster;
    },
    get client() {
      return running.client;
    },
    cli: (...args) => runCli(dir, args),
    units,
    unitsUntil: (what, accept, timeoutMs) =>
      until(
        what,
        async () => {
          const rows = await units();
          return accept(rows) && rows;
        },
        timeoutMs,
      ),
    numberOf: (machine) => running.cluster.file.nodes.findIndex(({ id }) => id === machine) + 1,
    killMachine: (number) => killMachine(running.cluster, number, { docker: runtime === 'auto' }),
    relaunch: async (changes) => {
      await end();
      running = await launch(dir, { ...options, ...changes });
    },
    stop,
  };
}

/** Resolves when all machines are ready. */
async function launch(dir: string, options: TestClusterOptions): Promise<Pick<TestCluster, 'cluster' | 'client'>> {
  const { nodes = 3, nats, schedulers = 1, stores = 0, api = false, runtime = 'process', nodeArguments = [] } = options;
  const lines: string[] = [];
  const cluster = await launchCluster({
    dir,
    nodes,
    ...(nats === undefined ? {} : { natsServers: nats }),
    schedulers,
    stores,
    ...(api ? { apiPort: 0 } : {}),
    runtime,
    nodeArguments,
    command: [process.execPath, program],
    nodeStopTimeoutMs: 10_000,
    progress: (line) => lines.push(line),
  });
  const client = await connectTo(cluster);
  await until(
    `${nodes} machines are ready`,
    async () => {
      const { machines } = (await client.query({ type: 'ListMachines' })).data;
      return machines.filter(({ state }) => state === 'ready').length === nodes;
    },
    30_000,
  );
  return { cluster, client };
}

async function connectTo(cluster: Cluster): Promise<Client> {
  const { server, user, password } = cluster.file;
  const link = await connectNats({ server, name: 'test', ...(user && password ? { user, password } : {}) });
  return createClient({
    bus: createNatsBus(link),
    openLog: () => createJetStreamLog(link, { stream: streams.log }),
    clock: systemClock,
    ids: nanoid,
    by: 'test',
    address: server,
    onWaiting: () => undefined,
  });
}

function runCli(dir: string, args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const argv = [program, ...args, '--dir', dir];
    execFile(process.execPath, argv, { timeout: 60_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
    });
  });
}
