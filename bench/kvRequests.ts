import { CompareTarget, KVService } from '../services/kv/etcd/messages.ts';
import type { EtcdClient } from '../test/support/etcdClient.ts';
import { inParallel } from '../test/support/inParallel.ts';
import { besideEtcd, type KvPair, onPair, type Side } from './support/kvPair.ts';
import type { Row } from './support/report.ts';
import { percentile } from './support/stats.ts';

interface Figures {
  /** A second. */
  rate: number;
  p50Ms: number;
  p99Ms: number;
}

interface Request {
  what: string;
  count: number;
  inFlight: number;
  call: (client: EtcdClient, index: number) => Promise<unknown>;
}

const value = 'v'.repeat(100);
const keys = 1_000;
const key = (index: number) => `/bench/requests/${String(index % keys).padStart(15, '0')}`;

/** Single requests over etcd's API, the same client in front of both. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  return onPair(async (pair) => {
    for (const { client } of [pair.flotilla, pair.etcd]) await inParallel(keys, 32, (index) => put(client, index));
    const rows: Row[] = [];
    for (const request of requests(quick ? 0.1 : 1)) rows.push(...(await measureBoth(pair, request)));
    return rows;
  });
}

function requests(share: number): Request[] {
  const count = (full: number) => Math.round(full * share);
  return [
    { what: 'put, one at a time', count: count(3_000), inFlight: 1, call: put },
    { what: 'put, 64 in flight', count: count(30_000), inFlight: 64, call: put },
    { what: 'linearizable get, one at a time', count: count(3_000), inFlight: 1, call: get },
    { what: 'linearizable get, 64 in flight', count: count(30_000), inFlight: 64, call: get },
    { what: 'range of 1,000 keys, 4 in flight', count: count(1_000), inFlight: 4, call: range },
    { what: 'transaction (compare, put, get), 64 in flight', count: count(20_000), inFlight: 64, call: txn },
  ];
}

function put(client: EtcdClient, index: number): Promise<unknown> {
  return client.call(KVService.Put, { key: key(index), value });
}

function get(client: EtcdClient, index: number): Promise<unknown> {
  return client.call(KVService.Range, { key: key(index) });
}

async function range(client: EtcdClient): Promise<void> {
  const { kvs } = await client.call(KVService.Range, { key: '/bench/requests/', rangeEnd: '/bench/requests0' });
  if (kvs.length !== keys) throw new Error(`a range of ${keys} keys answered ${kvs.length}`);
}

function txn(client: EtcdClient, index: number): Promise<unknown> {
  return client.call(KVService.Txn, {
    compare: [{ key: key(index), target: CompareTarget.VALUE, value }],
    success: [{ requestPut: { key: key(index), value } }, { requestRange: { key: key(index + 1) } }],
    failure: [],
  });
}

async function measureBoth({ flotilla, etcd }: KvPair, request: Request): Promise<Row[]> {
  const ours = await measure(flotilla, request);
  const theirs = await measure(etcd, request);
  const row = (what: string, unit: string, figure: keyof Figures) =>
    besideEtcd(`${request.what}${what}`, unit, { flotilla: ours[figure], etcd: theirs[figure] });
  return [row('', '/s', 'rate'), row(': p50', 'ms', 'p50Ms'), row(': p99', 'ms', 'p99Ms')];
}

async function measure({ client }: Side, { count, inFlight, call }: Request): Promise<Figures> {
  await inParallel(Math.ceil(count / 10), inFlight, (index) => call(client, index));
  const times: number[] = [];
  const start = performance.now();
  await inParallel(count, inFlight, async (index) => {
    const begin = performance.now();
    await call(client, index);
    times.push(performance.now() - begin);
  });
  const rate = (1000 * count) / (performance.now() - start);
  return { rate, p50Ms: percentile(times, 0.5), p99Ms: percentile(times, 0.99) };
}
