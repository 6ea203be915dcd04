/** etcd itself as the judge: whatever is asked of it and of us is answered the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testSeed } from '../../../test/support/seed.ts';
import { compareServers } from './testing/compareServers.ts';
import { GrpcClient } from './testing/grpcClient.ts';
import { skipWithout, startRealEtcd } from './testing/realEtcd.ts';
import { startLocal } from './testing/startLocal.ts';

const skip = await skipWithout('etcd');

test('generated sequences of operations are answered as etcd answers them', { skip, timeout: 150_000 }, async (t) => {
  const { client: ours, errors } = await startLocal(t);
  const real = new GrpcClient(await startRealEtcd(t));
  t.after(() => real.close());
  t.diagnostic(await compareServers({ real, ours, runs: 200, seed: testSeed() }));
  assert.deepEqual(errors, []);
});
