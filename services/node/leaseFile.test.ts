import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { LeaseFile, type LeaseRecord, leaseFilePath, readLeases } from './leaseFile.ts';

const leases = (renewedAt: number, ...units: string[]): LeaseRecord => ({
  bootId: 'b',
  renewedAt,
  units: units.map((unit) => ({ unit, hash: 'h', graceMs: 2_000, stopMs: 1_000 })),
});

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-leases-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

describe('the leases of a node', () => {
  test('are what was written last, by whichever agent', async (t) => {
    const directory = await directoryFor(t);
    assert.equal(await readLeases(directory), null);
    for (const agent of [1, 2]) {
      const file = await LeaseFile.open(directory);
      for (const beat of [1, 2, 3]) {
        const record = leases(10 * agent + beat, 'a.service');
        file.write(record);
        assert.deepEqual(await readLeases(directory), record);
      }
    }
    const many = leases(50, ...Array.from({ length: 200 }, (_, i) => `many-${i}.service`));
    const file = await LeaseFile.open(directory);
    file.write(many);
    assert.deepEqual(await readLeases(directory), many);
    file.write(leases(51));
    assert.deepEqual([await readLeases(directory), readdirSync(directory)], [null, []]);
  });

  test('are written over in place, for which a full disk has room; also by the next agent', async (t) => {
    const directory = await directoryFor(t);
    (await LeaseFile.open(directory)).write(leases(1, 'a.service'));
    const { ino, size, blocks } = statSync(leaseFilePath(directory));
    const next = await LeaseFile.open(directory);
    for (const beat of [2, 3, 4]) next.write(leases(beat, 'a.service', `b-${beat}.service`));
    const after = statSync(leaseFilePath(directory));
    assert.deepEqual([after.ino, after.size, after.blocks], [ino, size, blocks]);
  });

  test('are those before when the writer was killed in the middle', async (t) => {
    const directory = await directoryFor(t);
    const path = leaseFilePath(directory);
    const file = await LeaseFile.open(directory);
    file.write(leases(1, 'a.service'));
    file.write(leases(2, 'a.service'));
    const before = readFileSync(path);
    file.write(leases(3, 'a.service', 'b.service'));
    const after = readFileSync(path);
    const changed = [...after.keys()].filter((at) => after[at] !== before[at]);
    for (const torn of changed.slice(1)) {
      writeFileSync(path, Buffer.concat([after.subarray(0, torn), before.subarray(torn)]));
      assert.deepEqual(await readLeases(directory), leases(2, 'a.service'));
    }
    writeFileSync(path, after);
    assert.deepEqual(await readLeases(directory), leases(3, 'a.service', 'b.service'));
  });
});
