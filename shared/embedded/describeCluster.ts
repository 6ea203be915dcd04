import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { choosePort, choosePreferredPort } from './choosePort.ts';
import type { ClusterFile, NatsEntry } from './clusterFile.ts';
import { nodeDir, serviceHost } from './clusterProcesses.ts';
import { readIfThere } from './files.ts';
import { identify } from './processIdentity.ts';

/** What a cluster on one machine is to consist of. */
export interface ClusterWish {
  /** Everything of it lives here. */
  dir: string;
  nodes: number;
  schedulers?: number;
  /** Key/value stores; none unless stated. */
  stores?: number;
  /** The port that the first store has if it is free; otherwise, and for the others, any free one. */
  etcdPort?: number;
  /** fleet's HTTP API is served on this port if it is free, otherwise on any; absent: it is not. */
  apiPort?: number;
  /** NATS servers of its own, an odd number; absent: as many as it had, or one. */
  natsServers?: number;
  /** URL of an existing NATS, and what it asks for; otherwise the cluster runs its own. */
  server?: string;
  user?: string;
  password?: string;
}

/** What `flotilla.json` says before the first process runs: identities are those of last time, where there are any. */
export async function describeCluster(options: ClusterWish, before: ClusterFile | null): Promise<ClusterFile> {
  const { dir, nodes, schedulers = 1, stores = 0, apiPort } = options;
  const numbers = Array.from({ length: nodes }, (_, index) => index + 1);
  return {
    ...(await identify(process.pid)),
    ...(options.server === undefined ? await ownEndpoint(options, before) : foreignEndpoint(options.server, options)),
    schedulers: Array.from({ length: schedulers }, () => ({})),
    stores: await describePorts(stores, before?.stores ?? [], options.etcdPort),
    apis: await describePorts(apiPort === undefined ? 0 : 1, before?.apis ?? [], apiPort),
    nodes: await Promise.all(
      numbers.map(async (number) => ({ id: await machineId(dir, number), dir: nodeDir(dir, number) })),
    ),
  };
}

/** A service keeps its port, which clients know. */
async function describePorts(
  count: number,
  before: readonly { port: number }[],
  preferred: number | undefined,
): Promise<{ port: number }[]> {
  const entries: { port: number }[] = [];
  for (let index = 0; index < count; index++) {
    const known = before[index]?.port ?? (index === 0 ? preferred : undefined);
    const port =
      known === undefined || known === 0
        ? await choosePort(serviceHost)
        : await choosePreferredPort(serviceHost, known);
    entries.push({ port });
  }
  return entries;
}

async function ownEndpoint(
  { natsServers }: ClusterWish,
  before: ClusterFile | null,
): Promise<Pick<ClusterFile, 'server' | 'user' | 'password' | 'nats'>> {
  const own = before !== null && before.nats.length > 0 ? before : null;
  const nats = await describeNats(natsServers ?? own?.nats.length ?? 1, own?.nats ?? []);
  const server = nats.map(({ port }) => `nats://${serviceHost}:${port}`).join(',');
  return { server, user: 'flotilla', password: own?.password ?? randomBytes(24).toString('hex'), nats };
}

/** Several have a second port each, where they reach each other. */
export async function describeNats(count: number, before: readonly NatsEntry[]): Promise<NatsEntry[]> {
  const clients = await describePorts(count, before, undefined);
  if (count === 1) return clients;
  const known = before.flatMap(({ routePort }) => (routePort === undefined ? [] : [{ port: routePort }]));
  const routes = await describePorts(count, known, undefined);
  return clients.map(({ port }, index) => ({ port, routePort: routes[index]?.port ?? 0 }));
}

function foreignEndpoint(server: string, { user, password }: ClusterWish): Pick<ClusterFile, 'server' | 'nats'> {
  const credentials = { ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }) };
  return { server, ...credentials, nats: [] };
}

/** Made once for each node's directory: machine-id(5), 32 lower-case hex digits. */
async function machineId(dir: string, number: number): Promise<string> {
  const path = join(nodeDir(dir, number), 'machine-id');
  const known = (await readIfThere(path))?.trim();
  if (known !== undefined && /^[0-9a-f]{32}$/.test(known)) return known;
  const id = randomBytes(16).toString('hex');
  await mkdir(nodeDir(dir, number), { recursive: true, mode: 0o700 });
  await writeFile(path, `${id}\n`);
  return id;
}
