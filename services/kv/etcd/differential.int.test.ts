/** etcd itself as the judge: whatever is asked of it and of us is answered the same. */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { GrpcClient } from './testing/grpcClient.ts';
import { type Operation, operations } from './testing/operations.ts';
import { perform } from './testing/perform.ts';
import { skipWithout, startRealEtcd } from './testing/realEtcd.ts';
import { startLocal } from './testing/startLocal.ts';

const skip = await skipWithout('etcd');
const runs = 200;

test('generated sequences of operations are answered as etcd answers them', { skip, timeout: 120_000 }, async (t) => {
  const { client: ours, service, errors } = await startLocal(t);
  const real = new GrpcClient(await startRealEtcd(t));
  t.after(() => real.close());
  const counts = new Map<string, number>();
  let refusals = 0;

  async function compare(operation: Operation): Promise<void> {
    const { revision, compactRevision } = service.store;
    const moment = { revision, compactRevision };
    const [expected, actual] = [await perform(real, operation, moment), await perform(ours, operation, moment)];
    counts.set(operation.type, (counts.get(operation.type) ?? 0) + 1);
    if (isRefusal(expected)) refusals += 1;
    assert.deepEqual(actual, expected, `${JSON.stringify(operation)} at revision ${revision}`);
  }

  const seed = randomInt(2 ** 31);
  t.diagnostic(`seed ${seed}`);
  // Both keep their state from one sequence to the next: what is different is reported where it shows first.
  for (const sequence of fc.sample(operations, { numRuns: runs, seed })) {
    for (const operation of sequence) await compare(operation);
  }
  assert.deepEqual(errors, []);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const each = [...counts].map(([type, count]) => `${count} ${type}`).join(', ');
  t.diagnostic(`${runs} sequences, ${total} operations (${each}), ${refusals} of them refused: all the same as etcd's`);
});

function isRefusal(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'code' in answer;
}
