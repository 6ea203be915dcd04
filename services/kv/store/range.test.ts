import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvError, RangeRequest, RangeResponse } from '../../../shared/domain/kv.ts';
import { del, given, put } from './testing/storeSpec.ts';

/** Keys a to d; by modification b, c, d, a; a has two versions. */
const { store } = given(put('a', 'x'), put('b', 'z'), put('c', 'y'), put('d', 'z'), put('a', 'w'));

function range(options: Partial<RangeRequest>): RangeResponse {
  const answer = store.range({ key: 'a', rangeEnd: '\0', ...options });
  assert.ok(!('code' in answer), JSON.stringify(answer));
  return answer;
}

function keys(options: Partial<RangeRequest>): string {
  return range(options)
    .kvs.map(({ key }) => key)
    .join('');
}

test('a limit cuts, says so, and counts all', () => {
  assert.deepEqual([keys({ limit: 2 }), range({ limit: 2 }).more, range({ limit: 2 }).count], ['ab', true, 4]);
  assert.deepEqual([keys({ limit: 4 }), range({ limit: 4 }).more], ['abcd', false]);
  assert.deepEqual([keys({ limit: -1 }), keys({ limit: 0 })], ['abcd', 'abcd']);
});

test('ranges are sorted by any field, then cut', () => {
  assert.equal(keys({ sortTarget: 'mod', sortOrder: 'ascend' }), 'bcda');
  assert.equal(keys({ sortTarget: 'mod', sortOrder: 'descend', limit: 2 }), 'ad');
  assert.equal(keys({ sortTarget: 'create', sortOrder: 'descend' }), 'dcba');
  assert.equal(keys({ sortTarget: 'version', sortOrder: 'descend', limit: 1 }), 'a');
  assert.equal(keys({ sortTarget: 'value', sortOrder: 'ascend' }), 'acbd');
  assert.equal(keys({ sortTarget: 'key', sortOrder: 'descend' }), 'dcba');
  assert.equal(keys({ sortOrder: 'ascend', limit: 1 }), 'a');
});

test('what is equal stays in the order of the keys, descending too', () => {
  assert.equal(keys({ sortTarget: 'version', sortOrder: 'ascend' }), 'bcda');
  assert.equal(keys({ sortTarget: 'version', sortOrder: 'descend' }), 'abcd');
});

test('a target without an order sorts what the limit and one more have left, as etcd does', () => {
  assert.equal(keys({ sortTarget: 'mod' }), 'bcda');
  assert.equal(keys({ sortTarget: 'mod', limit: 2 }), 'bc');
  assert.equal(keys({ sortTarget: 'mod', limit: 2, minModRevision: 4 }), 'cd');
});

test('filters choose by revision, and the count is that of the whole range', () => {
  assert.equal(keys({ minModRevision: 5 }), 'ad');
  assert.equal(keys({ maxModRevision: 4 }), 'bc');
  assert.equal(keys({ minCreateRevision: 3, maxCreateRevision: 4 }), 'bc');
  assert.equal(range({ minModRevision: 5 }).count, 4);
  assert.deepEqual([keys({ minModRevision: 4, limit: 1 }), range({ minModRevision: 4, limit: 1 }).more], ['a', true]);
  assert.deepEqual([keys({ minModRevision: 6, limit: 1 }), range({ minModRevision: 6, limit: 1 }).more], ['a', false]);
});

test('the first of those who wait for a lock is found', () => {
  assert.equal(keys({ sortTarget: 'create', sortOrder: 'descend', maxCreateRevision: 3, limit: 1 }), 'b');
});

test('keys alone come without values, the count alone without keys', () => {
  assert.deepEqual(
    range({ keysOnly: true }).kvs.map(({ value }) => value),
    ['', '', '', ''],
  );
  assert.deepEqual(range({ countOnly: true, limit: 1 }), { kvs: [], count: 4, more: false });
});

test('the past is read as it was', () => {
  assert.deepEqual([keys({ revision: 3 }), range({ revision: 3 }).count], ['ab', 2]);
  assert.equal(range({ revision: 5 }).kvs[0]?.value, 'x');
  assert.deepEqual([range({ revision: 3, limit: 1 }).count, range({ revision: 3, limit: 1 }).more], [2, true]);
  assert.deepEqual(range({ revision: 1 }), { kvs: [], count: 0, more: false });
  assert.deepEqual([keys({ revision: 0 }), keys({ revision: -3 })], ['abcd', 'abcd']);
});

test('neither the future nor what was compacted can be read', () => {
  const compacted = given(put('a'), put('a'), put('a'), { type: 'Compact', revision: 3 }).store;
  const code = (revision: number) => (compacted.range({ key: 'a', revision }) as KvError).code;
  assert.deepEqual([code(2), code(3), code(4), code(5)], ['compacted', undefined, undefined, 'future-revision']);
});

test('what is no range is refused', () => {
  assert.deepEqual(store.range({ key: '' }), { code: 'empty-key' });
  const unknown = store.range({ key: 'a', sortTarget: 'size' as 'key' });
  assert.equal((unknown as KvError).code, 'invalid-request');
  assert.equal((store.range({ key: 'a', sortOrder: 'up' as 'ascend' }) as KvError).code, 'invalid-request');
});

test('a range that ends before it begins is empty', () => {
  assert.deepEqual(store.range({ key: 'c', rangeEnd: 'b' }), { kvs: [], count: 0, more: false });
});

test('deleted keys do not count', () => {
  const some = given(put('a'), put('b'), del('a')).store;
  assert.deepEqual(some.range({ key: 'a', rangeEnd: 'z', countOnly: true }), { kvs: [], count: 1, more: false });
});

test('an answer does not change with the store', () => {
  const other = given(put('a', '1')).store;
  const answer = other.range({ key: 'a' });
  other.execute(put('a', '2'));
  assert.equal('kvs' in answer && answer.kvs[0]?.value, '1');
});
