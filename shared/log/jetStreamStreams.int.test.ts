import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { startTestNatsCluster } from '../../test/support/natsCluster.ts';
import { until } from '../../test/support/until.ts';
import { connectNats } from '../bus/natsConnection.ts';
import { createJetStreamSnapshots } from './jetStreamSnapshots.ts';
import { ensureStreams } from './jetStreamStreams.ts';

test('whoever asks for copies gives them to all streams that are there, snapshots included', async (t) => {
  const { url: server, ...login } = await startTestNatsCluster(t);
  const link = await connectNats({ server, ...login, name: 'test' });
  t.after(link.close);
  const jsm = await jetstreamManager(link.nc);
  const copies = async () => {
    const found: Record<string, number> = {};
    for await (const { config } of jsm.streams.list()) found[config.name] = config.num_replicas;
    return found;
  };
  await ensureStreams(link);
  const snapshots = createJetStreamSnapshots(link, { onPassedOver: (_, reason) => assert.fail(reason) });
  await snapshots.save('kept', { seq: '7' }, [new Uint8Array(5_000).fill(9)]);
  const before = await copies();
  assert.equal(Object.keys(before).length, 5);
  assert.deepEqual(new Set(Object.values(before)), new Set([1]));
  await ensureStreams(link, { replicas: 3 });
  // A server that has not heard of the change yet lists none of them.
  await until('every stream has three copies', async () => isTripled(await copies()));
  assert.equal((await snapshots.latest('kept'))?.meta.seq, '7');
  // Who asks for nothing leaves them as they are.
  await ensureStreams(link);
  await until('they still have them', async () => isTripled(await copies()));
});

function isTripled(copies: Record<string, number>): boolean {
  const counts = Object.values(copies);
  return counts.length === 5 && counts.every((count) => count === 3);
}
