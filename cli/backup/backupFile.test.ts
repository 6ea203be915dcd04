import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import { encodeCommit, genesis, hashCommit } from '../../shared/protocol/commit.ts';
import { hashState } from '../../shared/protocol/stateHash.ts';
import { streams, subjects } from '../../shared/protocol/subjects.ts';
import { schemaVersion } from '../../shared/protocol/upcasts.ts';
import { version } from '../../shared/version.ts';
import { BackupDamagedError, type Entry } from './entries.ts';
import { HistoryCheck } from './historyCheck.ts';
import { checkBackup } from './restoreBackup.ts';
import { writeBackup } from './writeBackup.ts';

async function directory(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'flotilla-backup-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A small history, and what `change` makes of its entries. */
async function writeHistory(path: string, change: (entries: Entry[]) => Entry[] = (entries) => entries): Promise<void> {
  const commits = new Map<number, Uint8Array>();
  const entries: Entry[] = [
    { kind: 'about', version, at: 1, from: 'here' },
    { kind: 'stream', stream: streams.log, first: 1, last: 5 },
  ];
  let prev = genesis;
  for (let seq = 1; seq <= 5; seq++) {
    const id = `c${seq}`;
    const data = encodeCommit({ v: schemaVersion, id, at: seq, by: 'test', cause: '', prev, events: [] });
    prev = hashCommit(data);
    commits.set(seq, data);
    entries.push({ kind: 'record', stream: streams.log, seq, subject: subjects.clusterLog, id });
  }
  const hash = hashState(new HistoryCheck().projection.state);
  entries.push({ kind: 'end', records: 5, state: { seq: 5, hash }, fence: 3 });
  await writeBackup(path, async (write) => {
    for (const entry of change(entries))
      await write(entry, entry.kind === 'record' ? commits.get(entry.seq) : undefined);
  });
}

const isDamage = (error: unknown) => error instanceof BackupDamagedError;

test('a backup is read as it was written', async (t) => {
  const path = join(await directory(t), 'backup');
  await writeHistory(path);
  const { records, projection } = await checkBackup(path, () => undefined);
  assert.deepEqual([records, projection.seq], [5, 5]);
});

test('a file that is cut off anywhere, or has any byte changed or added, is refused', async (t) => {
  const path = join(await directory(t), 'backup');
  await writeHistory(path);
  const whole = await readFile(path);
  const refused = async (bytes: Uint8Array) => {
    await writeFile(path, bytes);
    await assert.rejects(
      checkBackup(path, () => undefined),
      isDamage,
    );
  };
  await refused(Buffer.concat([whole, Buffer.from('x')]));
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (at, difference) => {
      await refused(whole.subarray(0, at));
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ difference;
      await refused(changed);
    }),
    { numRuns: 150 },
  );
});

test('a well-formed file without one of its commits, or with another state, is refused with where', async (t) => {
  const path = join(await directory(t), 'backup');
  await writeHistory(path, (entries) => entries.filter((entry) => entry.kind !== 'record' || entry.seq !== 3));
  await assert.rejects(
    checkBackup(path, () => undefined),
    /sequence 4 of FLOTILLA is not where it belongs: 3 is missing/,
  );
  await writeHistory(path, (entries) => entries.filter((entry) => entry.kind !== 'record' || entry.seq !== 5));
  await assert.rejects(
    checkBackup(path, () => undefined),
    /ends before sequence 5/,
  );
  await writeHistory(path, (entries) =>
    entries.map((entry) => (entry.kind === 'end' ? { ...entry, state: { seq: 5, hash: 'other' } } : entry)),
  );
  await assert.rejects(
    checkBackup(path, () => undefined),
    /comes to state/,
  );
});

test('a backup that breaks off leaves no file', async (t) => {
  const path = join(await directory(t), 'backup');
  const broken = writeBackup(path, async () => {
    throw new Error('NATS went away');
  });
  await assert.rejects(broken, /NATS went away/);
  await assert.rejects(readFile(path), { code: 'ENOENT' });
  await assert.rejects(readFile(`${path}.part`), { code: 'ENOENT' });
});
