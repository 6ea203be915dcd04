/** Stores that are killed, paused and cut off, and a NATS that crashes, while clients record what they are told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkKv, describeReport } from '../linearizability/checkKv.ts';
import { testSeed } from '../support/seed.ts';

test('histories of keys, transactions, locks and watches are linearizable while processes die, hang and are cut off', async (t) => {
  const progress = (line: string) => t.diagnostic(line);
  const report = await checkKv(t, { seed: testSeed(), rounds: 2, roundMs: 20_000, progress });
  assert.deepEqual(report.violations, [], describeReport(report));
  assert.ok(report.operations > 200, 'the stores answered');
  assert.ok(report.grants > 0, 'the lock was granted');
});
