/** Kill -9 of every process in turn, in the middle of a write load: nothing acknowledged may be missing afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MaintenanceService } from '../../services/kv/etcd/messages.ts';
import { findLeader } from '../linearizability/record/faults.ts';
import { createEtcdClient, type EtcdClient, untilItAnswers } from '../support/etcdClient.ts';
import { inParallel } from '../support/inParallel.ts';
import { type KvCluster, startKvCluster } from '../support/kvCluster.ts';
import { connectNative } from '../support/nativeKv.ts';
import type { CleanUp } from '../support/nats.ts';
import { until } from '../support/until.ts';
import { findMissing, type Load, startLoad } from './load.ts';
import { type Replays, replayBothWays } from './replay.ts';

export interface DurabilityOptions {
  kills: number;
  progress: (line: string) => void;
}

export interface DurabilityReport extends Replays {
  kills: number;
  puts: number;
  lost: number;
  missing: string[];
  /** What each store says that it has, by its own count. */
  hashes: number[];
}

const writers = 40;
/** From one kill to the next, at least. */
const putsBetween = 400;
/** More than a store takes before it makes a snapshot. */
const bulk = { batches: 60, perBatch: 1_000 };

export async function checkDurability(t: CleanUp, { kills, progress }: DurabilityOptions): Promise<DurabilityReport> {
  const cluster = await startKvCluster(t, { stores: 3, throughProxies: false });
  await findLeader(cluster);
  await writeInBulk(cluster);
  const clients = cluster.stores.map(({ port }) => createEtcdClient(`127.0.0.1:${port}`));
  t.after(async () => {
    for (const client of clients) client.close();
  });
  const load = startLoad(clients, writers);
  for (let number = 0; number < kills; number++) {
    const what = await killOne(cluster, number);
    await untilItGoesOn(load);
    progress(`kill ${number + 1} of ${kills}: ${what}; ${load.puts} puts acknowledged, ${load.lost} without an answer`);
  }
  await load.stop();
  await Promise.all(clients.map((client) => untilItAnswers(client)));
  const missing = (await Promise.all(clients.map((client) => findMissing(client, load.acknowledged)))).flat();
  const hashes = await Promise.all(clients.map(hashOf));
  await Promise.all(cluster.stores.map((store) => store.kill()));
  return { kills, puts: load.puts, lost: load.lost, missing, hashes, ...(await replayBothWays(cluster.nats)) };
}

/** Many commands, so that there is a snapshot to restart from. */
async function writeInBulk({ nats }: KvCluster): Promise<void> {
  const native = await connectNative(nats);
  await inParallel(bulk.batches, 2, (batch) =>
    native.submit(
      Array.from({ length: bulk.perBatch }, (_, n) => {
        return { type: 'Put', key: `bulk/${n}`, value: `${batch}.${n}` };
      }),
    ),
  );
  await native.close();
}

const targets = ['the leading store', 'nats-server', 'a following store'] as const;
const downMs = 300;

async function killOne(cluster: KvCluster, number: number): Promise<string> {
  const what = targets[number % targets.length] ?? 'nats-server';
  if (what === 'nats-server') {
    await cluster.nats.kill();
    await cluster.nats.start();
    return what;
  }
  const leader = await findLeader(cluster);
  const others = cluster.stores.filter((store) => store !== leader);
  const store = what === 'the leading store' ? leader : (others[number % others.length] ?? leader);
  await store.kill();
  await sleep(downMs);
  await store.start();
  return `${what}, ${store.name}`;
}

/** Somebody has been answered since. */
async function untilItGoesOn(load: Load): Promise<void> {
  const before = load.puts;
  await until('puts are acknowledged again', () => load.puts > before + putsBetween, 60_000);
}

async function hashOf(client: EtcdClient): Promise<number> {
  return (await client.call(MaintenanceService.HashKV, {})).hash;
}

export function describeDurability(report: DurabilityReport): string {
  const { kills, puts, lost, missing, snapshotSeq, lastSeq, fromBeginning, fromSnapshot } = report;
  const replay = fromBeginning === fromSnapshot ? 'are the same, byte for byte' : 'DIFFER';
  return (
    `${kills} kills, ${puts} puts acknowledged, ${lost} without an answer, ${missing.length} missing; ` +
    `the whole log (${lastSeq} commits) and the snapshot of ${snapshotSeq} with what follows it ${replay}`
  );
}
