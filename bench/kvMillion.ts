import { KVService, MaintenanceService } from '../services/kv/etcd/messages.ts';
import { type EtcdClient, untilItAnswers } from '../test/support/etcdClient.ts';
import { inParallel } from '../test/support/inParallel.ts';
import { connectNative } from '../test/support/nativeKv.ts';
import { besideEtcd, type KvPair, onPair } from './support/kvPair.ts';
import { residentBytes } from './support/processUsage.ts';
import type { Row } from './support/report.ts';
import { timed } from './support/stats.ts';

const value = 'v'.repeat(100);
const perTxn = 100;
const perBatch = 1_000;
/** Of the keys, how many are written again, so that a compaction has something to do. */
const rewritten = 0.2;

/** A million keys of 31 bytes with values of 100: memory, restart, compaction. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const count = quick ? 50_000 : 1_000_000;
  return onPair(async (pair) => {
    await Promise.all([fillFlotilla(pair, count), fillEtcd(pair.etcd.client, count)]);
    const what = `${count.toLocaleString('en-US')} keys`;
    return [
      ...(await memory(pair, what)),
      await restart(pair, `${what}: killed, started, answers after`),
      ...(await compaction(pair, count, what)),
    ];
  });
}

async function fillFlotilla({ cluster }: KvPair, count: number, from = 0): Promise<void> {
  const native = await connectNative(cluster.nats);
  const put = (index: number) => ({ type: 'Put' as const, key: keyOf(index), value });
  await inParallel(count / perBatch, 2, (batch) =>
    native.submit(Array.from({ length: perBatch }, (_, n) => put(from + batch * perBatch + n))),
  );
  await native.close();
}

async function fillEtcd(client: EtcdClient, count: number): Promise<void> {
  const put = (index: number) => ({ requestPut: { key: keyOf(index), value } });
  await inParallel(count / perTxn, 16, (txn) =>
    client.call(KVService.Txn, { success: Array.from({ length: perTxn }, (_, n) => put(txn * perTxn + n)) }),
  );
}

/** 31 bytes. */
function keyOf(index: number): string {
  return `/bench/million/${String(index).padStart(16, '0')}`;
}

async function memory({ flotilla, etcd, cluster }: KvPair, what: string): Promise<Row[]> {
  const [ours, nats, theirs] = await Promise.all([flotilla.pid, cluster.nats.pid, etcd.pid].map(residentMb));
  if (ours === undefined || nats === undefined || theirs === undefined) throw new Error('a process has its memory');
  const goal = { text: '≤ etcd, ≤ 500 MB', met: ours <= theirs && ours <= 500 };
  return [
    besideEtcd(`${what}: resident memory`, 'MB', { flotilla: ours, etcd: theirs }, goal),
    besideEtcd(`${what}: resident memory, nats-server counted in`, 'MB', { flotilla: ours + nats, etcd: theirs }),
  ];
}

async function restart({ flotilla, etcd, store, etcdProcess }: KvPair, what: string): Promise<Row> {
  const seconds = async (process: { kill(): Promise<void>; start(): Promise<void> }, client: EtcdClient) => {
    await process.kill();
    const ms = await timed(async () => {
      await process.start();
      await untilItAnswers(client);
    });
    return ms / 1000;
  };
  const ours = await seconds(store, flotilla.client);
  const theirs = await seconds(etcdProcess, etcd.client);
  return besideEtcd(what, 's', { flotilla: ours, etcd: theirs }, { text: '≤ 5 s', met: ours <= 5 });
}

async function compaction({ flotilla, etcd }: KvPair, count: number, what: string): Promise<Row[]> {
  for (const { client } of [flotilla, etcd]) await fillEtcd(client, count * rewritten);
  const quiet = { flotilla: await longestWait(flotilla.client), etcd: await longestWait(etcd.client) };
  const busy = { flotilla: await compacting(flotilla.client), etcd: await compacting(etcd.client) };
  return [
    besideEtcd(`${what}: longest wait of a get, nothing else to do`, 'ms', quiet),
    besideEtcd(`${what}: longest wait of a get during a compaction`, 'ms', busy, {
      text: '≤ 50 ms',
      met: busy.flotilla <= 50,
    }),
  ];
}

/** From just before a compaction to some seconds after. */
async function compacting(client: EtcdClient): Promise<number> {
  const { header } = await client.call(MaintenanceService.Status, {});
  const compacted = client.call(KVService.Compact, { revision: header?.revision ?? 0 }, { timeoutMs: 60_000 });
  const longest = await longestWait(client);
  await compacted;
  return longest;
}

const watchedMs = 5_000;

/** The slowest of the gets, one after the other, for some seconds, ms. */
async function longestWait(client: EtcdClient): Promise<number> {
  const end = performance.now() + watchedMs;
  let longest = 0;
  while (performance.now() < end) {
    const get = () => client.call(KVService.Range, { key: keyOf(1) }, { timeoutMs: 30_000 });
    longest = Math.max(longest, await timed(get));
  }
  return longest;
}

async function residentMb(pid: number): Promise<number> {
  return (await residentBytes(pid)) / 2 ** 20;
}
