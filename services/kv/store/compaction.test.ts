import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvCommand } from '../../../shared/domain/kv.ts';
import type { Store } from './store.ts';
import { contentOf, del, given, put, snapshotOf } from './testing/storeSpec.ts';

const compact = (revision: number): KvCommand => ({ type: 'Compact', revision });

function tidyAll(store: Store): number {
  let steps = 1;
  while (store.tidy()) steps++;
  return steps;
}

test('a compaction is at most now, and behind the last one', () => {
  const { store, when } = given(put('a'), put('a'), compact(2));
  assert.equal(store.compactRevision, 2);
  when(compact(4)).isRefused('future-revision');
  when(compact(2)).isRefused('compacted');
  when(compact(1)).isRefused('compacted');
  when(compact(-1)).isRefused('compacted');
  when(compact(1.5)).isRefused('invalid-request');
  when(compact(3)).answers({ type: 'Done' });
  assert.equal(store.revision, 3);
});

test('the compacted revision itself stays readable, before memory is given back and after', () => {
  const { store } = given(put('a', '1'), put('b', '1'), put('a', '2'), del('b'), put('c', '1'), compact(4));
  for (let tidied = 0; tidied < 2; tidied++) {
    assert.deepEqual(contentOf(store, { revision: 4 }), ['a=2', 'b=1']);
    assert.deepEqual(contentOf(store, { revision: 5 }), ['a=2']);
    assert.deepEqual(store.range({ key: 'a', revision: 3 }), { code: 'compacted' });
    tidyAll(store);
  }
});

test('what is only kept for history counts until it is compacted', () => {
  const { store } = given(put('key', '12345'), put('key', '1'));
  assert.deepEqual([store.sizeBytes, store.sizeInUseBytes], [12, 4]);
  store.execute(compact(3));
  assert.deepEqual([store.sizeBytes, store.sizeInUseBytes], [4, 4]);
  store.execute(del('key'));
  assert.deepEqual([store.sizeBytes, store.sizeInUseBytes], [7, 0]);
  store.execute(compact(4));
  assert.deepEqual([store.sizeBytes, store.sizeInUseBytes], [0, 0]);
});

test('memory is given back in small steps', () => {
  const { store } = given();
  for (let i = 0; i < 5_000; i++) store.execute(put(`k${i % 100}`));
  store.execute(compact(5_001));
  assert.ok(tidyAll(store) > 5);
  assert.equal(store.tidy(), false);
  assert.equal(contentOf(store).length, 100);
});

test('a snapshot that is being taken holds back what it needs, and no longer', () => {
  const { store } = given();
  for (let i = 0; i < 4_000; i++) store.execute(put(`k${i % 2_000}`, `${i}`.repeat(60)));
  const expected = snapshotOf(store);
  const chunks = store.serialize()[Symbol.iterator]();
  const first = chunks.next();
  store.execute(compact(store.revision));
  tidyAll(store);
  const taken = [first.value as Uint8Array];
  for (let next = chunks.next(); !next.done; next = chunks.next()) taken.push(next.value);
  assert.equal(Buffer.concat(taken).toString('latin1'), expected);
  assert.ok(tidyAll(store) > 1);
  assert.notEqual(snapshotOf(store), expected);
});

test('a snapshot that is given up holds nothing back', () => {
  const { store } = given(put('a', 'x'.repeat(600_000)));
  for (let i = 0; i < 2_000; i++) store.execute(put('b', `${i}`));
  for (const chunk of store.serialize()) if (chunk.length > 0) break;
  store.execute(compact(store.revision));
  assert.ok(tidyAll(store) > 1);
});

test('deletions that are compacted leave nothing behind', () => {
  const { store } = given();
  const empty = given(put('x'), del('x'), compact(3), put('x'), del('x')).store;
  for (let i = 0; i < 300; i++) store.execute(put(`k${i}`));
  store.execute(del('k', 'l'));
  store.execute(put('x'));
  store.execute(del('x'));
  store.execute(compact(store.revision));
  tidyAll(store);
  assert.equal(store.sizeBytes, 0);
  assert.ok(snapshotOf(store).length <= snapshotOf(empty).length + 10);
});

test('the hash is that of what is kept, up to a revision', () => {
  const commands = [put('a', '1'), put('b', '1'), put('a', '2'), del('b')];
  const { store } = given(...commands);
  const twin = given(...commands).store;
  const hashes = [2, 3, 4, 5].map((revision) => store.hashKv(revision));
  assert.deepEqual(
    hashes,
    [2, 3, 4, 5].map((revision) => twin.hashKv(revision)),
  );
  assert.equal(new Set(hashes.map((each) => JSON.stringify(each))).size, 4);
  assert.deepEqual(store.hashKv(0), store.hashKv(5));
  assert.deepEqual(store.hashKv(6), { code: 'future-revision' });
  store.execute(compact(4));
  assert.deepEqual(store.hashKv(3), { code: 'compacted' });
  const compactedHash = store.hashKv(0);
  assert.notDeepEqual(compactedHash, twin.hashKv(0));
  twin.execute(compact(4));
  assert.deepEqual(twin.hashKv(0), compactedHash);
});

test('stores that differ in one byte have other hashes', () => {
  const hashOf = (...commands: KvCommand[]) => JSON.stringify(given(...commands).store.hashKv(0));
  const hashes = [
    hashOf(put('a', '1')),
    hashOf(put('a', '2')),
    hashOf(put('b', '1')),
    hashOf(put('a', '1'), put('a', '1')),
    hashOf(put('a', '1'), put('b', '1')),
    hashOf({ type: 'LeaseGrant', lease: '7', ttlS: 9 }, put('a', '1', { lease: '7' })),
  ];
  assert.equal(new Set(hashes).size, hashes.length);
});
