import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tombstone, Version } from './version.ts';
import { compacted, current, currentAt, keptVersions, newestAt, type Versions, withNewest } from './versions.ts';

const put = (revision: number) => new Version('k', `v${revision}`, revision, revision, 0, 1, '0');
const deleted = (revision: number) => tombstone('k', revision, 0);

function history(...all: Version[]): Versions {
  const [first, ...rest] = all;
  assert.ok(first);
  return rest.reduce<Versions>(withNewest, first);
}

function revisionsAfter(compaction: number, ...all: Version[]): number[] | null {
  const kept = compacted(history(...all), compaction);
  const seen = keptVersions(history(...all), compaction).map(({ modRevision }) => modRevision);
  if (kept === null) {
    assert.deepEqual(seen, [], 'what is kept is said the same way with and without changing it');
    return null;
  }
  const revisions = (Array.isArray(kept) ? kept : [kept]).map(({ modRevision }) => modRevision);
  assert.deepEqual(seen, revisions);
  return revisions;
}

test('a key is at each revision what it was last made', () => {
  const versions = history(put(3), put(5), deleted(7), put(9));
  const seen = [2, 3, 4, 5, 6, 7, 8, 9, 10].map((revision) => currentAt(versions, revision)?.modRevision);
  assert.deepEqual(seen, [undefined, 3, 3, 5, 5, undefined, undefined, 9, 9]);
  assert.equal(newestAt(versions, 8)?.modRevision, 7);
  assert.equal(currentAt(put(3), 2), null);
  assert.equal(current(history(put(3), deleted(4))), null);
});

test('of changes in one revision the last one counts', () => {
  const [first, second] = [put(3), deleted(3)];
  assert.equal(currentAt(history(first, second), 3), null);
  assert.equal(currentAt(history(first, second, put(3)), 3)?.modRevision, 3);
});

test('a compaction keeps what the key was then, and all that came later', () => {
  assert.deepEqual(revisionsAfter(6, put(3), put(5), put(7)), [5, 7]);
  assert.deepEqual(revisionsAfter(2, put(3), put(5)), [3, 5]);
  assert.deepEqual(revisionsAfter(9, put(3), put(5)), [5]);
  assert.deepEqual(revisionsAfter(9, put(3)), [3]);
});

test('a compaction drops what was replaced at its very revision', () => {
  assert.deepEqual(revisionsAfter(5, put(3), put(5), put(7)), [5, 7]);
});

test('a deletion goes with its key, unless it was made at the compaction itself', () => {
  assert.deepEqual(revisionsAfter(5, put(3), deleted(5)), [5]);
  assert.equal(revisionsAfter(6, put(3), deleted(5)), null);
  assert.equal(revisionsAfter(6, deleted(5)), null);
  assert.deepEqual(revisionsAfter(6, put(3), deleted(5), put(8)), [8]);
});
