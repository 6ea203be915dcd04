import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvCommand, RequestOp } from '../../../shared/domain/kv.ts';
import { contentOf, del, get, given, put, txn } from './testing/storeSpec.ts';

const done = { type: 'Put' } as const;

test('a put makes a revision; create revision and version start again after a deletion', () => {
  const { store } = given(put('a', '1'), put('a', '2'), del('a'), put('a', '3'));
  assert.deepEqual(store.range({ key: 'a' }), {
    kvs: [{ key: 'a', value: '3', createRevision: 5, modRevision: 5, version: 1, lease: '0' }],
    count: 1,
    more: false,
  });
});

test('a put answers with what was there before, if asked and if there was something', () => {
  const prevKv = { key: 'a', value: '1', createRevision: 2, modRevision: 2, version: 1, lease: '0' };
  given(put('a', '1'))
    .when(put('a', '2', { prevKv: true }))
    .answers({ type: 'Put', prevKv });
  given()
    .when(put('a', '2', { prevKv: true }))
    .answers(done);
  given(put('a'), del('a'))
    .when(put('a', '2', { prevKv: true }))
    .answers(done);
});

test('a put may keep the value or the lease of its key, which has to be there', () => {
  const grant = { type: 'LeaseGrant', lease: '7', ttlS: 5 } as const;
  const kept = given(grant, put('a', '1', { lease: '7' }), put('a', '', { ignoreValue: true })).store.range({
    key: 'a',
  });
  assert.deepEqual('kvs' in kept && kept.kvs.map(({ value, lease }) => [value, lease]), [['1', '0']]);
  const leased = given(grant, put('a', '1', { lease: '7' }), put('a', '2', { ignoreLease: true })).store;
  assert.deepEqual(leased.lease('7')?.keys, ['a']);
  given()
    .when(put('a', '', { ignoreValue: true }))
    .isRefused('key-not-found');
  given(put('a'), del('a'))
    .when(put('a', '', { ignoreLease: true }))
    .isRefused('key-not-found');
});

test('what is to be kept cannot be given as well', () => {
  given(put('a'))
    .when(put('a', 'x', { ignoreValue: true }))
    .isRefused('value-provided');
  given(put('a'))
    .when(put('a', '', { ignoreLease: true, lease: '7' }))
    .isRefused('lease-provided');
});

test('where both the lease and the key are missing, a put names the lease and a transaction the key, as in etcd', () => {
  const both = put('a', '', { ignoreValue: true, lease: '7' });
  given().when(both).isRefused('lease-not-found');
  given().when(txn(both)).isRefused('key-not-found');
});

test('a deletion of nothing makes no revision', () => {
  const store = given(put('b')).when(del('a')).answers({ type: 'DeleteRange', deleted: 0, prevKvs: [] });
  assert.equal(store.revision, 2);
});

test('a deletion of many keys is one revision', () => {
  const { store } = given(put('a'), put('b'), put('c'), del('a', 'c'));
  assert.equal(store.revision, 5);
  assert.deepEqual(contentOf(store), ['c=']);
});

test('a deletion tells what was there, if asked', () => {
  given(put('a', '1'))
    .when({ ...del('a'), prevKv: true })
    .answers({
      type: 'DeleteRange',
      deleted: 1,
      prevKvs: [{ key: 'a', value: '1', createRevision: 2, modRevision: 2, version: 1, lease: '0' }],
    });
});

test('keys without a name are refused wherever they stand', () => {
  const empty: RequestOp[] = [put(''), del(''), get('')];
  for (const op of empty) {
    given().when(txn(op)).isRefused('empty-key');
    given()
      .when(txn({ ...txn(op), type: 'Txn' }))
      .isRefused('empty-key');
    if (op.type !== 'Range')
      given()
        .when(op as KvCommand)
        .isRefused('empty-key');
  }
  given()
    .when({ ...txn(), compare: [{ key: '', target: 'mod', number: 0, result: 'equal' }] })
    .isRefused('empty-key');
});

test('a transaction is one revision, and what it reads is what it has written', () => {
  const { store } = given(put('a', 'old'));
  const answer = store.execute(
    txn(get('a'), put('a', 'new'), get('a'), del('aa'), put('b'), get('a', { revision: 2 })),
  );
  assert.equal(store.revision, 3);
  assert.ok('responses' in answer);
  const values = answer.responses.map((each) => (each.type === 'Range' ? each.kvs[0]?.value : each.type));
  assert.deepEqual(values, ['old', 'Put', 'new', 'DeleteRange', 'Put', 'old']);
  assert.deepEqual(contentOf(store, { revision: 3 }), ['a=new', 'b=']);
});

test('a transaction that changes nothing makes no revision', () => {
  assert.equal(given(put('a'), txn(get('a'), del('b'))).store.revision, 2);
});

test('nothing of a transaction is done when one part of it is refused', () => {
  const parts: [RequestOp, 'lease-not-found' | 'key-not-found' | 'future-revision' | 'compacted'][] = [
    [put('b', '', { lease: '7' }), 'lease-not-found'],
    [put('b', '', { ignoreValue: true }), 'key-not-found'],
    [get('a', { revision: 4 }), 'future-revision'],
    [get('a', { revision: 2 }), 'compacted'],
  ];
  for (const [part, code] of parts) {
    const base = given(put('a'), put('a'), { type: 'Compact', revision: 3 });
    base.when(txn(put('x'), del('a'), part)).isRefused(code);
    base.when(txn(put('x'), txn(part))).isRefused(code);
  }
});

test('a branch that is not taken refuses nothing but what can be said without the store', () => {
  const missing = put('b', '', { ignoreValue: true });
  given()
    .when({ ...txn(), failure: [missing] })
    .answers({ type: 'Txn', succeeded: true, responses: [] });
  given()
    .when({ ...txn(), failure: [put('')] })
    .isRefused('empty-key');
});

test('nested transactions compare with what was there before the first write', () => {
  const isThere = { key: 'a', target: 'version', number: 0, result: 'greater' } as const;
  const nested: RequestOp = { type: 'Txn', compare: [isThere], success: [put('yes')], failure: [put('no')] };
  assert.deepEqual(contentOf(given(txn(put('a'), nested)).store), ['a=', 'no=']);
  assert.deepEqual(contentOf(given(put('a'), txn(del('a'), nested)).store), ['yes=']);
});

test('no key is put twice, and none that is deleted, in one transaction', () => {
  const refused: RequestOp[][] = [
    [put('a'), put('a')],
    [put('a'), del('a')],
    [del('a'), put('a')],
    [del('a', 'c'), put('b')],
    [put('a'), txn(put('a'))],
    [txn(put('a')), txn(put('a'))],
    [txn(txn(put('a'))), put('a')],
    [txn(put('a')), del('a')],
    [put('a'), txn(del('a'))],
    [txn(del('a')), txn(put('a'))],
    [put('a', '', { ignoreValue: true }), del('a', '\0')],
  ];
  for (const operations of refused) {
    given(put('a'))
      .when(txn(...operations))
      .isRefused('duplicate-key');
    given(put('a'))
      .when({ ...txn(), failure: operations })
      .isRefused('duplicate-key');
  }
});

test('what etcd does not take for a conflict is none here', () => {
  // Of the branches of one transaction only one runs.
  const either: RequestOp = { type: 'Txn', compare: [], success: [put('a', '1')], failure: [put('a', '2'), del('b')] };
  assert.deepEqual(contentOf(given(txn(either)).store), ['a=1']);
  // Nested, a put may be followed by a deletion.
  assert.deepEqual(contentOf(given(txn(txn(put('a')), txn(del('a')))).store), []);
  // Ranges without an end are not looked at.
  assert.deepEqual(contentOf(given(put('z'), txn(del('a', '\0'), put('b'))).store), ['b=']);
  assert.deepEqual(contentOf(given(txn(put('b'), del('a', '\0'))).store), []);
});

test('a transaction has 128 operations at most, with those of the ones that it is nested in', () => {
  const puts = (count: number) => Array.from({ length: count }, (_, i) => put(`k${i}`));
  assert.equal(given(txn(...puts(128))).store.revision, 2);
  given()
    .when(txn(...puts(129)))
    .isRefused('too-many-operations');
  assert.equal(given(txn(txn(...puts(127)))).store.revision, 2);
  given()
    .when(txn(txn(...puts(128))))
    .isRefused('too-many-operations');
  const compare = { key: 'a', target: 'mod', number: 0, result: 'equal' } as const;
  given()
    .when({ ...txn(), compare: Array.from({ length: 129 }, () => compare) })
    .isRefused('too-many-operations');
});
