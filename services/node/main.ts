import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { nanoid } from 'nanoid';
import { type Logger, pino } from 'pino';
import { connectPatiently } from '../../shared/bus/connectPatiently.ts';
import { createDeferredBus } from '../../shared/bus/deferredBus.ts';
import { KvClient } from '../../shared/bus/kvClient.ts';
import type { NatsAccess } from '../../shared/bus/natsAccess.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import type { NatsLink } from '../../shared/bus/natsConnection.ts';
import { atMost, delay } from '../../shared/clock/clock.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import type { MachineFacts } from '../../shared/domain/events.ts';
import { readIfThere } from '../../shared/embedded/files.ts';
import { primaryIp } from '../../shared/embedded/primaryIp.ts';
import { tryLock } from '../../shared/embedded/processLock.ts';
import { createDeferredLog } from '../../shared/log/deferredLog.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { ensureStreams } from '../../shared/log/jetStreamStreams.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import { streams, subjects } from '../../shared/protocol/subjects.ts';
import { version } from '../../shared/version.ts';
import { serveActivities } from './activity.ts';
import { Announcer } from './announcer.ts';
import { createMachineFacts } from './conditions/machineFacts.ts';
import { serveExecs } from './exec.ts';
import { readHostFacts } from './hostFacts.ts';
import { hostCapacity, readIdentity } from './identity.ts';
import { serveJournals } from './journal.ts';
import { keepLeases } from './leases.ts';
import { type Node, startNode } from './nodeActor.ts';
import { createNodeStore, nodeDisk } from './nodeStore.ts';
import { createReporter } from './reporter.ts';
import { createDockerRuntime } from './runtime/docker.ts';
import { createProcessRuntime } from './runtime/process.ts';
import { SocketSite } from './sockets/socketHolder.ts';
import { followStoreEndpoint, type StoreEndpointOptions } from './storeEndpoint.ts';
import { storeVariables } from './unitEnvironment.ts';
import { UnitRegistry } from './unitRegistry.ts';
import { serveUsage } from './usage.ts';

export interface NodeOptions extends NatsAccess {
  /** The node's own: identity, memory, what its processes leave. */
  directory: string;
  machineId?: string;
  metadata?: Record<string, string>;
  ip?: string;
  /** `auto`: docker too, as soon as an engine answers. */
  runtime: 'auto' | 'process';
  dockerSocket?: string;
  /** File with credentials for registries, as docker writes it; absent: docker's own. */
  registryAuth?: string;
  /** Where units reach the key/value store, `host:port`; absent: where its members say. */
  kvEndpoint?: string;
  /** With what units log in to it. */
  kvUser?: string;
  kvPassword?: string;
}

const enginePollMs = 5_000;
const storePatienceMs = 5_000;
/** A disk that is full is not waited for longer at the end, ms. */
const storeFlushMs = 1_500;

/**
 * Runs a node until it is told to stop (SIGTERM, SIGINT), its units with it, or to make room for another agent (SIGHUP),
 * which adopts them. Resolves with the exit code.
 */
export async function main(options: NodeOptions): Promise<number> {
  compileSeldom();
  const log = pino({ name: 'node', level: process.env.FLOTILLA_LOG_LEVEL ?? 'info' });
  const onError = (error: unknown) => log.warn({ err: error }, 'something went wrong; it is tried again');
  const stopping = onceTold(['SIGTERM', 'SIGINT']);
  const makingRoom = onceTold(['SIGHUP']);
  const { machine, nodeKey, bootId, hostname } = await readIdentity(options.directory, options.machineId);
  const lock = await tryLock(join(options.directory, 'node.lock'));
  if ('heldBy' in lock) {
    log.error(`another node runs in ${options.directory} (pid ${lock.heldBy.pid}); give this one a --dir of its own`);
    return 1;
  }
  const onWaiting = (reason: string) => log.warn(`${reason}; waiting for it`);
  const connecting = { ...options, name: `flotilla node ${machine}`, leavesSilentServer: 'when-asking' } as const;
  // Not waited for: units are looked after before there is a cluster to tell.
  const link = connectPatiently(connecting, { clock: systemClock, onWaiting });
  const stop = new AbortController();
  const bus = createDeferredBus(link.then(createNatsBus), systemClock);
  const store = createNodeStore({ disk: nodeDisk(options.directory), clock: systemClock, onError });
  const reporter = createNodeReporter(link, machine, stop.signal, onError);
  const runtimes = createRuntimes(options, { machine, nodeKey }, onError);
  const facts: MachineFacts = {
    machine,
    session: nanoid(),
    nodeKey,
    bootId,
    ip: options.ip ?? primaryIp(),
    hostname,
    version,
    metadata: options.metadata ?? {},
    capacity: hostCapacity(),
    runtimes: ['process', ...((await runtimes.docker?.unavailable()) === null ? ['docker'] : [])],
  };
  const by = `node/${machine}`;
  const client = new KvClient({ bus, clock: systemClock, ids: nanoid, by, patienceMs: storePatienceMs });
  const announcer = new Announcer({
    client,
    ip: facts.ip,
    portsOf: async (container) => (await runtimes.docker?.publishedPorts(container)) ?? [],
    onError,
  });
  const { directory, dockerSocket } = options;
  const leases = await keepLeases({
    directory,
    bootId,
    onError,
    ...(dockerSocket === undefined ? {} : { dockerSocket }),
  });
  const registry = new UnitRegistry({
    runtimes,
    leases,
    machine: createMachineFacts(machine),
    given: await storeAccess(options, { client, signal: stop.signal, onError }),
    onActive: (unit, active) => announcer.update(unit, active),
    clock: systemClock,
    bootedAt: systemClock.monotonicNow() - uptime() * 1000,
    localZone: () => new Intl.DateTimeFormat().resolvedOptions().timeZone,
    random: Math.random,
    newInvocation: () => randomBytes(16).toString('hex'),
    sockets: new SocketSite(options.directory),
    facts: await readHostFacts({ hostname, machineId: machine, bootId: bootId.replaceAll('-', '') }),
    onReport: (report) => reporter.report(report, `goal ${report.goal}`),
    onForget: (unit, reason) => reporter.forget(unit, reason),
    onChange: () => store.save(() => registry.memory()),
    remembered: () => {
      store.save(() => registry.memory());
      return store.flush();
    },
    onError,
  });
  const assignments = openLog(link, streams.assign);
  const deps = { facts, bus, assignments, registry, leases, reporter, store, clock: systemClock, ids: nanoid, onError };
  const node = startNode(deps, (state) => log.info({ machine }, `node ${state}`));
  const all = runtimes.docker ? [runtimes.process, runtimes.docker] : [runtimes.process];
  const hasUnit = (unit: string) => registry.has(unit);
  const journals = serveJournals({ machine, bus, clock: systemClock, runtimes: all, hasUnit, onError });
  const execs = serveExecs({
    machine,
    bus,
    clock: systemClock,
    open: (request) => registry.exec(request),
    onStarted: ({ unit, argv, by: asker }) => reporter.noteCommand(unit, argv, asker),
    onError,
  });
  const activities = serveActivities({ machine, bus, runtimes: all, onError });
  const ended = (unit: string) => registry.ended(unit);
  const usage = serveUsage({ machine, bus, runtimes: all, ended, onError });
  void stopping.then((signal) => node.stop(`the node got ${signal}`));
  void makingRoom.then(async () => {
    log.info({ machine }, 'the node got SIGHUP: it ends, and leaves its units to the next one');
    if (!(await node.handOver()))
      log.warn({ machine }, 'no leader has answered that it knows that this node makes room');
    await lock.release();
    // As after a crash: whatever is under way, the next agent finds out.
    process.exit(0);
  });
  if (runtimes.docker && !facts.runtimes.includes('docker')) {
    void announceEngine(runtimes.docker, facts, node, stop.signal).catch(onError);
  }
  const refusal = await Promise.race([node.ended, link.then(() => node.ended)]);
  journals.unsubscribe();
  activities.unsubscribe();
  usage.unsubscribe();
  execs.unsubscribe();
  // Where it was refused, its units go on, and another agent speaks for them.
  if (refusal === null) await announcer.close();
  else announcer.abandon();
  stop.abort();
  leases.close();
  runtimes.process.close();
  runtimes.docker?.close();
  await atMost(systemClock, storeFlushMs, store.flush());
  await bus.close();
  await lock.release();
  return conclude(log, refusal);
}

/** Resolves with the first of these signals. From the call on they do not end the process by themselves. */
function onceTold(signals: readonly NodeJS.Signals[]): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of signals) process.on(signal, resolve);
  });
}

/** Two nodes may have been given the same machine id, in different clusters: what they run must not be mixed up. */
type Owner = Pick<MachineFacts, 'machine' | 'nodeKey'>;

/** What tells units where the key/value store is, and how to log in to it. */
async function storeAccess(options: NodeOptions, following: Following): Promise<() => Record<string, string>> {
  const { kvEndpoint, kvUser, kvPassword } = options;
  const endpointNow = kvEndpoint === undefined ? await followStores(options, following) : () => kvEndpoint;
  return () => {
    const values = [endpointNow(), kvUser, kvPassword];
    return Object.fromEntries(storeVariables.flatMap((name, i) => (values[i] ? [[name, values[i]]] : [])));
  };
}

type Following = Pick<StoreEndpointOptions, 'client' | 'signal' | 'onError'>;

/** Remembers what the stores said: units that start before any of them answers are told that. */
async function followStores({ directory }: NodeOptions, following: Following): Promise<() => string | null> {
  const path = join(directory, 'kv-endpoint');
  const onChange = (endpoint: string) => void writeFile(path, endpoint).catch(following.onError);
  return followStoreEndpoint({ ...following, known: await readIfThere(path), onChange });
}

function openLog(link: Promise<NatsLink>, stream: string): EventLog {
  const open = async () => {
    const connected = await link;
    await ensureStreams(connected, { timeoutMs: Number.POSITIVE_INFINITY });
    return createJetStreamLog(connected, { stream });
  };
  return createDeferredLog(open());
}

function createNodeReporter(
  link: Promise<NatsLink>,
  machine: string,
  signal: AbortSignal,
  onError: (error: unknown) => void,
) {
  const clock = systemClock;
  const log = openLog(link, streams.log);
  const by = `node/${machine}`;
  const writer = createSubjectWriter({ log, subject: subjects.nodeLog(machine), by, ids: nanoid, clock, signal });
  return createReporter({ machine, log, writer, clock, signal, onError });
}

function createRuntimes(options: NodeOptions, { machine, nodeKey }: Owner, report: (error: unknown) => void) {
  const directory = join(options.directory, 'units');
  const processes = createProcessRuntime({
    directory,
    machine: `${machine}-${nodeKey.slice(0, 8)}`,
    clock: systemClock,
    report,
  });
  if (options.runtime === 'process') return { process: processes, docker: null };
  const docker = createDockerRuntime({
    machine,
    node: nodeKey,
    clock: systemClock,
    report,
    ...(options.dockerSocket ? { docker: { socketPath: options.dockerSocket } } : {}),
    ...(options.registryAuth ? { registryAuth: options.registryAuth } : {}),
  });
  return { process: processes, docker };
}

/** An engine that comes up later makes this machine one that has docker. */
async function announceEngine(
  docker: { unavailable(): Promise<string | null> },
  facts: MachineFacts,
  node: Node,
  signal: AbortSignal,
): Promise<void> {
  while ((await docker.unavailable()) !== null) {
    await delay(systemClock, enginePollMs, signal);
    if (signal.aborted) return;
  }
  facts.runtimes = [...facts.runtimes, 'docker'];
  node.rejoin();
}

function conclude(log: Logger, refusal: string | null): number {
  if (refusal === null) return 0;
  log.error(`this node is not part of the cluster: ${refusal}`);
  return 1;
}

/**
 * An agent rests, and works in bursts of a second when many units start at once: what V8's compilers then optimise is
 * not used for long enough to pay for itself. Without them a burst takes a quarter less of the processor.
 */
function compileSeldom(): void {
  setFlagsFromString('--interrupt-budget=1000000');
}
