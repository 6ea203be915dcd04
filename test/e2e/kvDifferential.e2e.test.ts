/** The whole store, on a real log, beside a real etcd: whatever is asked of both is answered the same. */
import { test } from 'node:test';
import { GrpcStatus } from '../../services/kv/etcd/grpc/grpcStatus.ts';
import { KVService } from '../../services/kv/etcd/messages.ts';
import { compareServers } from '../../services/kv/etcd/testing/compareServers.ts';
import { GrpcClient } from '../../services/kv/etcd/testing/grpcClient.ts';
import { skipWithout, startRealEtcd } from '../../services/kv/etcd/testing/realEtcd.ts';
import { startKvCluster } from '../support/kvCluster.ts';
import { testSeed } from '../support/seed.ts';
import { until } from '../support/until.ts';

const skip = await skipWithout('etcd');

for (const stores of [1, 2]) {
  test(`asked at the last of ${stores}, it answers as etcd`, { skip, timeout: 150_000 }, async (t) => {
    const cluster = await startKvCluster(t, { stores, throughProxies: false });
    const real = new GrpcClient(await startRealEtcd(t));
    const port = cluster.stores.at(-1)?.port ?? 0;
    const ours = await until('the store answers', () => connected(port), 30_000);
    t.after(async () => {
      real.close();
      ours.close();
    });
    t.diagnostic(await compareServers({ real, ours, runs: 60, seed: testSeed() }));
  });
}

async function connected(port: number): Promise<GrpcClient | null> {
  const client = new GrpcClient(port);
  const answer = await client.call(KVService.Range, { key: 'a' });
  if (!(answer instanceof GrpcStatus)) return client;
  client.close();
  return null;
}
