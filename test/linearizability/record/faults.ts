/** What is done to real stores while they are recorded. Each fault ends with everything running and connected again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MaintenanceService } from '../../../services/kv/etcd/messages.ts';
import { createEtcdClient } from '../../support/etcdClient.ts';
import type { KvCluster, StoreProcess } from '../../support/kvCluster.ts';
import { until } from '../../support/until.ts';
import type { Random } from './random.ts';

export interface Fault {
  name: string;
  strike(cluster: KvCluster, random: Random): Promise<void>;
}

/** Longer than the stores wait for a silent leader. */
const blackoutMs = { least: 2_000, spread: 2_000 };

const killLeader = ofLeader('kill -9 of the leading store', async (store, random) => {
  await store.kill();
  await sleep(random.integer(1_000));
  await store.start();
});

const killFollower: Fault = {
  name: 'kill -9 of a following store',
  strike: async (cluster, random) => {
    const leader = await findLeader(cluster);
    const [first, ...others] = cluster.stores.filter((store) => store !== leader);
    if (!first) return;
    const store = random.pick([first, ...others]);
    await store.kill();
    await sleep(random.integer(1_000));
    await store.start();
  },
};

const pauseLeader = ofLeader('SIGSTOP of the leading store, SIGCONT later', async (store, random) => {
  store.pause();
  await blackout(random);
  store.resume();
});

const cutLeader = ofLeader('the leading store is cut off from NATS', async ({ proxy }, random) => {
  proxy.cut();
  await blackout(random);
  proxy.heal();
});

const stallLeader = ofLeader('nothing gets through between the leading store and NATS', async ({ proxy }, random) => {
  proxy.stall();
  await blackout(random);
  proxy.heal();
});

const killNats: Fault = {
  name: 'kill -9 of nats-server',
  strike: async ({ nats }, random) => {
    await nats.kill();
    await sleep(random.integer(500));
    await nats.start();
  },
};

export const faults = [killLeader, pauseLeader, stallLeader, killNats, cutLeader, killFollower] as const;

/** One fault after the other, all kinds in turn, until the signal aborts. Counts them by name. */
export async function strikeUntil(
  cluster: KvCluster,
  { random, signal, from }: { random: Random; signal: AbortSignal; from: number },
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (let turn = from; !signal.aborted; turn++) {
    const fault = faults[turn % faults.length] ?? killLeader;
    await fault.strike(cluster, random);
    counts.set(fault.name, (counts.get(fault.name) ?? 0) + 1);
    await sleep(1_000 + random.integer(1_500), null, { signal }).catch(() => undefined);
  }
  return counts;
}

function ofLeader(name: string, strike: (store: StoreProcess, random: Random) => Promise<void>): Fault {
  return { name, strike: async (cluster, random) => strike(await findLeader(cluster), random) };
}

/** The store that says of itself that it leads. */
export function findLeader({ stores }: KvCluster): Promise<StoreProcess> {
  return until('a store leads', () => firstOf(stores.map(leadsOrNull)), 30_000);
}

async function firstOf<T>(candidates: Promise<T | null>[]): Promise<T | null> {
  return (await Promise.all(candidates)).find((candidate) => candidate !== null) ?? null;
}

async function leadsOrNull(store: StoreProcess): Promise<StoreProcess | null> {
  const client = createEtcdClient(`127.0.0.1:${store.port}`);
  try {
    const { header, leader } = await client.call(MaintenanceService.Status, {}, { timeoutMs: 1_000 });
    return header?.memberId === leader ? store : null;
  } catch {
    // It does not answer, so it does not lead.
    return null;
  } finally {
    client.close();
  }
}

function blackout(random: Random): Promise<void> {
  return sleep(blackoutMs.least + random.integer(blackoutMs.spread));
}
