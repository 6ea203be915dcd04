import { KVService } from '../services/kv/etcd/messages.ts';
import { inParallel } from '../test/support/inParallel.ts';
import { connectNative } from '../test/support/nativeKv.ts';
import { besideEtcd, onPair } from './support/kvPair.ts';
import type { Row } from './support/report.ts';
import { timed } from './support/stats.ts';

const value = 'v'.repeat(100);
const perBatch = 256;
const batchesInFlight = 4;

/** Durable puts in batches over NATS, beside etcd's single puts, which its API knows no batches of. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const batches = quick ? 100 : 1_000;
  const etcdPuts = quick ? 3_000 : 30_000;
  return onPair(async ({ cluster, etcd }) => {
    const native = await connectNative(cluster.nats);
    const submit = (batch: number) =>
      native.submit(Array.from({ length: perBatch }, (_, n) => put(batch * perBatch + n)));
    await inParallel(batches / 10, batchesInFlight, submit);
    const ms = await timed(() => inParallel(batches, batchesInFlight, submit));
    await native.close();
    const etcdMs = await timed(() =>
      inParallel(etcdPuts, 64, (index) => etcd.client.call(KVService.Put, { key: keyOf(index), value })),
    );
    const rates = { flotilla: (1000 * batches * perBatch) / ms, etcd: (1000 * etcdPuts) / etcdMs };
    const goal = { text: '≥ 10 × etcd', met: rates.flotilla >= 10 * rates.etcd };
    return [besideEtcd('durable puts, native API, batches of 256', '/s', rates, goal)];
  });
}

function put(index: number) {
  return { type: 'Put' as const, key: keyOf(index), value };
}

function keyOf(index: number): string {
  return `/bench/native/${String(index % 100_000).padStart(17, '0')}`;
}
