/** Kill -9 of every process of the key/value store while it is written to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDurability, describeDurability } from '../durability/checkDurability.ts';

test('kill -9 of NATS and of the stores loses nothing acknowledged, and snapshot and log agree byte for byte', async (t) => {
  const report = await checkDurability(t, { kills: 6, progress: (line) => t.diagnostic(line) });
  t.diagnostic(describeDurability(report));
  assert.deepEqual(report.missing, []);
  assert.ok(report.puts > 500, 'the stores were written to');
  assert.equal(new Set(report.hashes).size, 1, 'all stores have the same');
  assert.ok(report.snapshotSeq > 0, 'there was a snapshot');
  assert.equal(report.fromSnapshot, report.fromBeginning);
});
