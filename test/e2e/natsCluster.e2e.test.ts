/** A cluster on one machine that runs several NATS servers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connectNats } from '../../shared/bus/natsConnection.ts';
import type { ClusterFile } from '../../shared/embedded/clusterFile.ts';
import { startTestCluster } from '../support/cluster.ts';
import { readCommits } from '../support/history.ts';

const sleeper = '[Service]\nExecStart=/bin/sleep 100000\n';

test('a cluster grows from one NATS server to three, and shrinks again, with its whole history', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 1, stores: 1 });
  await cluster.client.command({ type: 'StartUnits', units: [{ name: 'a.service', text: sleeper }] });
  await cluster.unitsUntil('it runs', ([row]) => row?.sub === 'running');
  await cluster.cli('kv', 'put', 'key', 'value');
  const history = await readCommits(await cluster.client.openLog());
  for (const nats of [3, 1]) {
    await cluster.relaunch({ nats });
    assert.deepEqual(await copiesOf(cluster.cluster.file), [nats]);
    await cluster.unitsUntil('the unit runs again', ([row]) => row?.sub === 'running', 30_000);
    assert.equal((await cluster.cli('kv', 'get', 'key')).stdout.trim(), 'key\nvalue');
    const after = await readCommits(await cluster.client.openLog());
    assert.deepEqual(after.slice(0, history.length), history);
  }
  assert.equal((await cluster.cli('replay')).code, 0);
});

/** The numbers of copies that streams have. */
async function copiesOf({ server, user = '', password = '' }: ClusterFile): Promise<number[]> {
  const link = await connectNats({ server, user, password, name: 'test' });
  const copies = new Set<number>();
  for await (const { config } of (await jetstreamManager(link.nc)).streams.list()) copies.add(config.num_replicas);
  await link.close();
  return [...copies];
}
