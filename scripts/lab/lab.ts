/** A whole cluster of a lab: hosts with NATS servers, schedulers, stores, and machines with an engine and a node each. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nanoid } from 'nanoid';
import { type Client, createClient } from '../../cli/client.ts';
import { createNatsBus } from '../../shared/bus/natsBus.ts';
import { connectNats, type NatsLink } from '../../shared/bus/natsConnection.ts';
import { systemClock } from '../../shared/clock/systemClock.ts';
import { renderNatsConfig } from '../../shared/embedded/natsConfig.ts';
import { createJetStreamLog } from '../../shared/log/jetStreamLog.ts';
import { streams } from '../../shared/protocol/subjects.ts';
import { Disk } from './disk.ts';
import { Engine } from './engine.ts';
import type { LabSeat } from './guard.ts';
import { controlGroupOf, machineIdOf, namespacePath } from './labRecord.ts';
import { Network } from './network.ts';
import { killAll, processesWithin } from './processes.ts';
import { Service } from './service.ts';

/** What runs on the hosts. */
export const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));
const natsPort = 4222;
const clusterPort = 6222;
const storePort = 2379;
const user = 'flotilla';
const upTimeoutMs = 120_000;

/** What runs on a host. */
export type Role = 'nats' | 'scheduler' | 'store' | 'machine';

export type Topology = readonly { name: string; roles: readonly Role[] }[];

/** Nothing shares a host with anything else, so that one fault strikes one thing. */
export const separateHosts: Topology = [
  ...['n1', 'n2', 'n3'].map((name) => ({ name, roles: ['nats'] as const })),
  ...['c1', 'c2', 'c3'].map((name) => ({ name, roles: ['scheduler', 'store'] as const })),
  ...['m1', 'm2', 'm3'].map((name) => ({ name, roles: ['machine'] as const })),
];

/** Three machines that do everything. */
export const sharedHosts: Topology = ['m1', 'm2', 'm3'].map((name) => ({
  name,
  roles: ['nats', 'scheduler', 'store', 'machine'] as const,
}));

export interface Machine {
  readonly host: string;
  readonly id: string;
  readonly engine: Engine;
  readonly node: Service;
  /** Of the node's directory. */
  readonly disk: Disk;
}

export interface NatsHost {
  readonly service: Service;
  /** Of its streams. */
  readonly disk: Disk;
}

export interface Lab {
  readonly seat: LabSeat;
  readonly network: Network;
  readonly hosts: Topology;
  readonly nats: readonly NatsHost[];
  readonly schedulers: readonly Service[];
  readonly stores: readonly Service[];
  readonly machines: readonly Machine[];
  readonly client: Client;
  readonly link: NatsLink;
  /** What ended without having been killed. */
  readonly surprises: readonly string[];
}

export interface LabOptions {
  topology?: Topology;
  progress: (line: string) => void;
}

const natsDiskMegabytes = 256;
const nodeDiskMegabytes = 64;

/** Resolves when all machines are ready. What it starts ends with the lab. */
export async function startLab(seat: LabSeat, { topology = separateHosts, progress }: LabOptions): Promise<Lab> {
  const names = (role: Role) => topology.filter(({ roles }) => roles.includes(role)).map(({ name }) => name);
  progress(`lab ${seat.id}: linking ${topology.length} hosts`);
  await mkdir(join(seat.dir, 'logs'));
  const network = await Network.create(
    seat,
    topology.map(({ name }) => name),
  );
  const password = randomBytes(16).toString('hex');
  const site = new Site(seat, network, password, names('nats'));
  const nats = await Promise.all(names('nats').map((host) => site.nats(host)));
  const [schedulers, stores] = [
    names('scheduler').map((host) => site.scheduler(host)),
    names('store').map((host) => site.store(host)),
  ];
  const machines = await Promise.all(names('machine').map((host, index) => site.machine(host, index + 1)));
  progress(
    `starting ${nats.length} NATS servers, ${schedulers.length} schedulers, ${stores.length} stores and ${machines.length} machines`,
  );
  const nodes = machines.map(({ node }) => node);
  for (const service of [...nats.map((host) => host.service), ...schedulers, ...stores]) await service.start();
  await Promise.all(machines.map(({ engine }) => engine.start()));
  progress('the engines answer');
  for (const node of nodes) await node.start();
  const link = await site.connect();
  const lab: Lab = {
    seat,
    network,
    hosts: topology,
    nats,
    schedulers,
    stores,
    machines,
    link,
    client: clientOf(link),
    surprises: site.surprises,
  };
  await allReady(lab);
  progress('all machines are ready');
  return lab;
}

/** All that runs on a host dies at once, containers and units included; its disks stay. */
export async function crashHost(lab: Lab, host: string): Promise<void> {
  const path = namespacePath(lab.seat, host);
  await Promise.all(servicesOn(lab, host).map((service) => service.kill()));
  await killAll(() => processesWithin([path], `${controlGroupOf(lab.seat, host)}/`));
}

/** What a host runs comes back, as after a boot. */
export async function bootHost(lab: Lab, host: string): Promise<void> {
  for (const service of servicesOn(lab, host)) await service.start();
}

function servicesOn({ nats, schedulers, stores, machines }: Lab, host: string): Service[] {
  const own = machines.flatMap(({ engine, node }) => [engine.service, node]);
  return [...nats.map(({ service }) => service), ...schedulers, ...stores, ...own].filter((s) => s.host === host);
}

async function allReady({ client, machines }: Lab): Promise<void> {
  const deadline = AbortSignal.timeout(upTimeoutMs);
  for (;;) {
    const there = await client.query({ type: 'ListMachines' }).then(
      ({ data }) => data.machines,
      () => [],
    );
    const ready = there.filter(({ state, runtimes }) => state === 'ready' && runtimes.includes('docker'));
    if (ready.length === machines.length) return;
    if (deadline.aborted)
      throw new Error(`only ${ready.length} of ${machines.length} machines are ready; the logs may tell why`);
    await sleep(100);
  }
}

function clientOf(link: NatsLink): Client {
  return createClient({
    bus: createNatsBus(link),
    openLog: () => createJetStreamLog(link, { stream: streams.log }),
    clock: systemClock,
    ids: nanoid,
    by: 'lab',
    address: link.address,
    onWaiting: () => undefined,
  });
}

/** Where and how the lab's programs are run. */
class Site {
  readonly surprises: string[] = [];
  readonly #seat: LabSeat;
  readonly #network: Network;
  readonly #password: string;
  readonly #natsHosts: readonly string[];

  constructor(seat: LabSeat, network: Network, password: string, natsHosts: readonly string[]) {
    this.#seat = seat;
    this.#network = network;
    this.#password = password;
    this.#natsHosts = natsHosts;
  }

  async nats(host: string): Promise<NatsHost> {
    const disk = await Disk.create(this.#path(`nats-${host}`), natsDiskMegabytes);
    const portsDir = this.#path(`ports-${host}`);
    const file = this.#path(`nats-${host}.conf`);
    await writeFile(file, this.#natsConfig(host, disk.dir, portsDir), { mode: 0o600 });
    const prepare = async () => {
      await rm(portsDir, { recursive: true, force: true });
      await mkdir(portsDir);
    };
    return { disk, service: this.#service('nats', host, [this.#seat.natsServer, '-c', file], prepare) };
  }

  scheduler(host: string): Service {
    return this.#flotilla('scheduler', host, 'scheduler', ...this.#replicas());
  }

  store(host: string): Service {
    const address = `${this.#network.addressOf(host)}:${storePort}`;
    return this.#flotilla('store', host, 'kv', 'serve', '--name', host, '--listen', address, ...this.#replicas());
  }

  async machine(host: string, number: number): Promise<Machine> {
    const id = machineIdOf(this.#seat, number);
    const disk = await Disk.create(this.#path(`node-${host}`), nodeDiskMegabytes);
    const engine = new Engine(this.#seat, host, (command, prepare) => this.#service('dockerd', host, command, prepare));
    const identity = ['--dir', disk.dir, '--machine-id', id, '--ip', this.#network.addressOf(host)];
    const node = this.#flotilla('node', host, 'node', ...identity, '--docker-socket', engine.socket);
    return { host, id, engine, node, disk };
  }

  connect(): Promise<NatsLink> {
    const credentials = { user, password: this.#password };
    return connectNats({ server: this.#servers(), name: 'lab', timeoutMs: 30_000, ...credentials });
  }

  #flotilla(kind: string, host: string, ...args: string[]): Service {
    return this.#service(kind, host, [process.execPath, program, ...args, '--server', this.#servers()]);
  }

  #service(kind: string, host: string, command: string[], prepare?: () => Promise<void>): Service {
    const name = `${kind} ${host}`;
    return new Service({
      name,
      host,
      command: this.#network.on(host, ...command),
      env: { ...process.env, FLOTILLA_USER: user, FLOTILLA_PASSWORD: this.#password },
      logFile: this.#path(`logs/${kind}-${host}.log`),
      onEnd: (what) => this.surprises.push(what),
      ...(prepare ? { prepare } : {}),
    });
  }

  #natsConfig(host: string, storeDir: string, portsDir: string): string {
    const address = this.#network.addressOf(host);
    const routes = this.#natsHosts.map((name) => `${this.#network.addressOf(name)}:${clusterPort}`);
    return renderNatsConfig({
      ...{ serverName: host, host: address, port: natsPort, storeDir, portsDir, user, password: this.#password },
      ...(routes.length > 1 ? { cluster: { name: 'lab', host: address, port: clusterPort, routes } } : {}),
    });
  }

  #servers(): string {
    return this.#natsHosts.map((host) => `nats://${this.#network.addressOf(host)}:${natsPort}`).join(',');
  }

  #replicas(): string[] {
    return this.#natsHosts.length > 1 ? ['--replicas', String(this.#natsHosts.length)] : [];
  }

  #path(name: string): string {
    return join(this.#seat.dir, name);
  }
}
