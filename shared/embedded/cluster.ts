import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Clock } from '../clock/clock.ts';
import { systemClock } from '../clock/systemClock.ts';
import type { Child } from './childProcess.ts';
import { type ClusterFile, type ClusterRecord, createClusterRecord, readClusterFile } from './clusterFile.ts';
import {
  natsName,
  type ProcessContext,
  startApi,
  startNatsOf,
  startNode,
  startScheduler,
  startStore,
} from './clusterProcesses.ts';
import { type ClusterWish, describeCluster } from './describeCluster.ts';
import { describeError } from './describeError.ts';
import { findOrFetchNatsServer } from './fetchNatsServer.ts';
import { killLeftovers } from './leftovers.ts';
import { identify } from './processIdentity.ts';
import { type ProcessLock, tryLock } from './processLock.ts';
import { resizeNats } from './resizeNats.ts';
import { type Running, type Supervisor, supervise } from './supervisor.ts';

export interface LaunchOptions extends ProcessContext, ClusterWish {
  /** The nats-server program for our own; found or fetched when it is not given. */
  natsBinary?: string;
  /** A node that dies stands for a machine that died, and comes back after this time; absent: never by itself. */
  nodeReturnMs?: number;
  /** How long a node may take to stop its units before it is killed. */
  nodeStopTimeoutMs?: number;
  clock?: Clock;
}

/** A running cluster on this machine: NATS, schedulers, stores and nodes, each its own process. */
export interface Cluster {
  /** What `flotilla.json` says at this moment. */
  readonly file: Readonly<ClusterFile>;
  /** Starts node `number` (from 1) again, which must have died: it comes back with its machine id and its units. */
  startNode(number: number): Promise<void>;
  /** SIGKILL to a node: its machine is dead until {@link startNode}. */
  killNode(number: number): Promise<void>;
  /** Stops schedulers and the API, then nodes and with them their units, then stores, then NATS. */
  stop(): Promise<void>;
}

/** The directory belongs to another `flotilla up` that still runs. */
export class ClusterHeldError extends Error {
  override readonly name = 'ClusterHeldError';
}

const serviceStopTimeoutMs = 10_000;
/** A unit's own `TimeoutStopSec=` is 90 s by default: systemd-system.conf(5), `DefaultTimeoutStopSec=`. */
const defaultNodeStopTimeoutMs = 100_000;

/**
 * Brings up a cluster in a directory, or brings back the one that ran there: same port, credentials, machines and data.
 * What a launcher that was killed left running is ended first (its units go on, and are adopted by their nodes).
 * Resolves when all processes have been started.
 * @throws {ClusterHeldError} somebody else runs a cluster there.
 */
export async function launchCluster(options: LaunchOptions): Promise<Cluster> {
  const dir = resolve(options.dir);
  await mkdir(join(dir, 'logs'), { recursive: true, mode: 0o700 });
  const lock = await holdDirectory(dir);
  try {
    return await launchHeld({ ...options, dir }, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function holdDirectory(dir: string): Promise<ProcessLock> {
  const lock = await tryLock(join(dir, 'lock'));
  if ('release' in lock) return lock;
  throw new ClusterHeldError(
    `a cluster already runs in ${dir}: process ${lock.heldBy.pid} holds it. Stop that one, or use another --dir`,
  );
}

async function launchHeld(options: LaunchOptions, lock: ProcessLock): Promise<Cluster> {
  const before = await readClusterFile(options.dir);
  if (before !== null) await killLeftovers(before, options.progress);
  const file = await describeCluster(options, before);
  if (before !== null && before.nats.length > 0 && ![0, before.nats.length].includes(file.nats.length)) {
    await resizeNats(options, { before, after: file, binary: await natsBinaryOf(options) });
  }
  const cluster = new LocalCluster(options, lock, file);
  try {
    await cluster.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

async function natsBinaryOf({ natsBinary, progress }: LaunchOptions): Promise<string> {
  return natsBinary ?? (await findOrFetchNatsServer({ progress })).path;
}

class LocalCluster implements Cluster {
  readonly #options: LaunchOptions;
  readonly #lock: ProcessLock;
  readonly #record: ClusterRecord;
  readonly #schedulers: Supervisor[] = [];
  readonly #stores: Supervisor[] = [];
  readonly #apis: Supervisor[] = [];
  readonly #nodes = new Map<number, Child>();
  #nats: Supervisor[] = [];
  /** What is to bring a dead node back. */
  readonly #returns = new Map<number, unknown>();
  #stopped: Promise<void> | null = null;

  constructor(options: LaunchOptions, lock: ProcessLock, file: ClusterFile) {
    this.#options = options;
    this.#lock = lock;
    this.#record = createClusterRecord(options.dir, file);
  }

  get file(): Readonly<ClusterFile> {
    return this.#record.current;
  }

  async start(): Promise<void> {
    const { nats, schedulers, stores, apis, nodes } = this.file;
    if (nats.length > 0) await this.#superviseNats();
    for (const index of schedulers.keys()) this.#schedulers.push(await this.#superviseScheduler(index));
    for (const index of stores.keys()) this.#stores.push(await this.#superviseStore(index));
    for (const index of apis.keys()) this.#apis.push(await this.#superviseApi(index));
    for (const index of nodes.keys()) await this.startNode(index + 1);
  }

  async startNode(number: number): Promise<void> {
    const index = number - 1;
    if (this.file.nodes[index] === undefined) throw new RangeError(`there is no node ${number}`);
    if (this.#nodes.has(number)) throw new RangeError(`node ${number} already runs`);
    this.#forgetReturn(number);
    const child = await startNode(this.#options, this.file, number);
    this.#nodes.set(number, child);
    await this.#note('nodes', index, child.pid);
    this.#options.progress(`node ${number} runs (process ${child.pid})`);
    child.exited.then((how) => this.#mournNode(number, how));
  }

  async killNode(number: number): Promise<void> {
    await this.#nodes.get(number)?.kill();
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stopAll();
    return this.#stopped;
  }

  async #stopAll(): Promise<void> {
    try {
      await Promise.all([...this.#schedulers, ...this.#apis].map((service) => service.stop()));
      await this.#stopNodes();
      // Last: units may take their leave of it.
      await Promise.all(this.#stores.map((store) => store.stop()));
      await Promise.all(this.#nats.map((server) => server.stop()));
      await this.#record.update((file) => {
        delete file.pid;
        delete file.startTime;
      });
    } finally {
      await this.#lock.release();
    }
  }

  /** A node is not started again at once: it stands for a machine, and this one has died. */
  async #mournNode(number: number, how: string): Promise<void> {
    const { progress, nodeReturnMs } = this.#options;
    this.#nodes.delete(number);
    const returns = nodeReturnMs !== undefined && this.#stopped === null;
    progress(
      `node ${number} ${how}${returns ? `: its machine is dead, and comes back in ${nodeReturnMs / 1000} s` : ''}`,
    );
    if (returns) this.#returnLater(number, nodeReturnMs);
    try {
      await this.#note('nodes', number - 1, null);
    } catch (error) {
      this.#options.progress(`the end of node ${number} cannot be recorded: ${describeError(error)}`);
    }
  }

  #returnLater(number: number, delayMs: number): void {
    const { progress, clock = systemClock } = this.#options;
    const comeBack = () =>
      this.startNode(number).catch((error) => progress(`node ${number} does not come back: ${describeError(error)}`));
    this.#returns.set(number, clock.setTimeout(comeBack, delayMs));
  }

  #forgetReturn(number: number): void {
    const { clock = systemClock } = this.#options;
    clock.clearTimeout(this.#returns.get(number));
    this.#returns.delete(number);
  }

  async #stopNodes(): Promise<void> {
    const { progress, nodeStopTimeoutMs = defaultNodeStopTimeoutMs } = this.#options;
    // A dead node's units may still run; only its agent can stop them.
    for (const number of [...this.#returns.keys()]) await this.startNode(number);
    const reminder = setInterval(() => {
      progress(`still stopping the units of node ${[...this.#nodes.keys()].join(', ')}`);
    }, 5_000);
    try {
      await Promise.all([...this.#nodes.values()].map((node) => node.stop(nodeStopTimeoutMs)));
    } finally {
      clearInterval(reminder);
    }
  }

  /** At the same time: each waits for the others. */
  async #superviseNats(): Promise<void> {
    const binary = await natsBinaryOf(this.#options);
    // One of several that comes back has no use for waiting until most of them are there.
    const awaitJetStream = this.file.nats.length === 1;
    const starting = this.file.nats.map((_, index) =>
      this.#supervise(natsName(this.file, index), {
        start: () => startNatsOf(this.#options, this.file, { binary, number: index + 1, awaitJetStream }),
        note: (pid) => this.#note('nats', index, pid),
      }),
    );
    const outcomes = await Promise.allSettled(starting);
    this.#nats = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    await Promise.all(starting);
  }

  #superviseStore(index: number): Promise<Supervisor> {
    return this.#superviseService(`kv ${index + 1}`, 'stores', index, () =>
      startStore(this.#options, this.file, index + 1),
    );
  }

  #superviseApi(index: number): Promise<Supervisor> {
    return this.#superviseService('api', 'apis', index, () => startApi(this.#options, this.file, index + 1));
  }

  #superviseScheduler(index: number): Promise<Supervisor> {
    return this.#superviseService(`scheduler ${index + 1}`, 'schedulers', index, () =>
      startScheduler(this.#options, this.file, index + 1),
    );
  }

  #superviseService(
    name: string,
    job: 'schedulers' | 'stores' | 'apis',
    index: number,
    startChild: () => Promise<Child>,
  ): Promise<Supervisor> {
    return this.#supervise(name, {
      start: async () => {
        const child = await startChild();
        return { ...child, stop: () => child.stop(serviceStopTimeoutMs) };
      },
      note: (pid) => this.#note(job, index, pid),
    });
  }

  #supervise(
    name: string,
    { start, note }: { start: () => Promise<Running>; note: (pid: number | null) => Promise<void> },
  ): Promise<Supervisor> {
    const { progress, clock = systemClock } = this.#options;
    const onChange = async (running: Running | null) => {
      await note(running?.pid ?? null);
      if (running !== null) progress(`${name} runs (process ${running.pid})`);
    };
    return supervise({ name, start, onChange, progress, clock });
  }

  /** Writes down which process does a job now, or that none does. */
  async #note(
    job: 'nats' | 'schedulers' | 'stores' | 'apis' | 'nodes',
    index: number,
    pid: number | null,
  ): Promise<void> {
    const identity = pid === null ? null : await identify(pid);
    await this.#record.update((file) => {
      const entry = file[job][index];
      if (entry === undefined) return;
      delete entry.pid;
      delete entry.startTime;
      Object.assign(entry, identity);
    });
  }
}
