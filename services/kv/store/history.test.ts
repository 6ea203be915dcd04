import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History } from './history.ts';
import { hashOf, tombstone, Version } from './version.ts';

const put = (revision: number, value = 'value') => new Version('key', value, 2, revision, 0, 1, '0');

/** Three changes in each revision, 2 first. */
function filled(changes: number): History {
  const history = new History();
  for (let i = 0; i < changes; i++) history.append(put(2 + Math.floor(i / 3)), null);
  return history;
}

test('a revision is found by its first change', () => {
  const history = filled(9_000);
  assert.equal(history.end, 9_000);
  for (const revision of [2, 3, 700, 2_000, 3_001]) assert.equal(history.seek(revision), (revision - 2) * 3);
  assert.deepEqual([history.seek(0), history.seek(3_002), history.seek(9_999)], [0, 9_000, 9_000]);
  assert.equal(history.at(9_000), undefined);
});

test('positions stay what they are when old changes are forgotten', () => {
  const history = filled(9_000);
  const version = history.at(6_000);
  history.dropBefore(6_000);
  assert.equal(history.at(6_000), version);
  assert.equal(history.seek(2_002), 6_000);
  assert.equal(history.at(100), undefined);
  history.append(put(9_999), null);
  assert.equal(history.seek(9_999), 9_000);
});

test('the end is never forgotten', () => {
  const history = filled(1_024);
  history.dropBefore(1_024);
  assert.equal(history.at(1_023)?.modRevision, 343);
  history.append(put(999), null);
  assert.equal(history.seek(999), 1_024);
});

test('it knows what a compaction at any revision frees', () => {
  const history = new History();
  const [first, second, last] = [put(2, '1'), put(3, '22'), tombstone('key', 4, 0)];
  history.append(first, null);
  history.append(second, first);
  history.append(last, second);
  history.append(put(5), last);
  const freed = [1, 2, 3, 4, 5, 9].map((revision) => history.totalsUpTo(revision).freedBytes);
  assert.deepEqual(freed, [0, 0, 4, 12, 12, 12]);
  const { addedHash, freedHash } = history.totalsUpTo(4);
  assert.equal(addedHash, freedHash);
  assert.equal(history.totalsUpTo(2).addedHash, hashOf(first));
});
