/** A store of ours and a real etcd, side by side. */
import { createEtcdClient, type EtcdClient, untilItAnswers } from '../../test/support/etcdClient.ts';
import { type KvCluster, type StoreProcess, startKvCluster } from '../../test/support/kvCluster.ts';
import { type RunningEtcd, startEtcd } from './etcd.ts';
import type { Row } from './report.ts';

export interface Side {
  name: string;
  /** `host:port` of etcd's API. */
  address: string;
  client: EtcdClient;
  readonly pid: number;
}

export interface KvPair {
  flotilla: Side;
  etcd: Side;
  cluster: KvCluster;
  store: StoreProcess;
  etcdProcess: RunningEtcd;
}

/** Runs something beside both, which are gone afterwards whatever happens. */
export async function onPair<T>(use: (pair: KvPair) => Promise<T>): Promise<T> {
  const cleanUps: (() => Promise<void>)[] = [];
  try {
    return await use(await startPair((fn) => void cleanUps.push(fn)));
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
  }
}

async function startPair(after: (fn: () => Promise<void>) => void): Promise<KvPair> {
  const t = { after };
  const cluster = await startKvCluster(t, { stores: 1, throughProxies: false });
  const [store] = cluster.stores;
  if (!store) throw new Error('a cluster has stores');
  const etcdProcess = await startEtcd(t);
  const flotilla = side('flotilla', `127.0.0.1:${store.port}`, store);
  const etcd = side('etcd', etcdProcess.address, etcdProcess);
  for (const { client } of [flotilla, etcd]) {
    after(async () => client.close());
    await untilItAnswers(client);
  }
  return { flotilla, etcd, cluster, store, etcdProcess };
}

function side(name: string, address: string, process: { readonly pid: number }): Side {
  return {
    ...{ name, address, client: createEtcdClient(address) },
    get pid() {
      return process.pid;
    },
  };
}

/** A row beside etcd. `goal`: what the project wants, and whether it is so. */
export function besideEtcd(
  what: string,
  unit: string,
  { flotilla, etcd }: { flotilla: number; etcd: number },
  goal?: { text: string; met: boolean },
): Row {
  const baseline = { what: 'etcd', value: etcd };
  return { what, unit, flotilla, baseline, goal: goal?.text ?? '', met: goal?.met ?? true };
}
