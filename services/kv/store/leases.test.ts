import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvCommand } from '../../../shared/domain/kv.ts';
import { compareLeases, isLeaseId } from './leaseTable.ts';
import { contentOf, del, given, put, txn } from './testing/storeSpec.ts';

const grant = (lease: string, ttlS = 60): KvCommand => ({ type: 'LeaseGrant', lease, ttlS });
const revoke = (lease: string): KvCommand => ({ type: 'LeaseRevoke', lease });

test('a lease is granted for its time, two seconds at least', () => {
  given().when(grant('7', 60)).answers({ type: 'LeaseGrant', lease: '7', ttlS: 60 });
  for (const ttlS of [1, 0, -5]) {
    const store = given().when(grant('7', ttlS)).answers({ type: 'LeaseGrant', lease: '7', ttlS: 2 });
    assert.deepEqual(store.lease('7'), { ttlS: 2, keys: [] });
  }
});

test('a lease makes no revision', () => {
  assert.equal(given(grant('7'), revoke('7')).store.revision, 1);
});

test('no lease is granted twice, for too long, or without a number', () => {
  given(grant('7')).when(grant('7')).isRefused('lease-exists');
  given().when(grant('7', 9_000_000_001)).isRefused('lease-ttl-too-large');
  given(grant('7')).when(grant('7', Number.POSITIVE_INFINITY)).isRefused('lease-ttl-too-large');
  given().when(grant('7', Number.NaN)).isRefused('invalid-request');
  given().when(grant('7', 2.5)).isRefused('invalid-request');
  for (const lease of ['0', '', '-7', '07', 'x', '9223372036854775808']) {
    given().when(grant(lease)).isRefused('invalid-request');
  }
  assert.equal(given(grant('9223372036854775807', 9_000_000_000)).store.leases().length, 1);
});

test('leases are listed by number', () => {
  const { store } = given(grant('10'), grant('9'), grant('100', 5));
  assert.deepEqual(store.leases(), [
    { lease: '9', ttlS: 60 },
    { lease: '10', ttlS: 60 },
    { lease: '100', ttlS: 5 },
  ]);
  assert.equal(store.lease('11'), null);
});

test('a lease that ends deletes its keys in one revision, in their order', () => {
  for (const type of ['LeaseRevoke', 'LeaseExpire'] as const) {
    const { store } = given(grant('7'), put('b', '', { lease: '7' }), put('x'), put('a', '', { lease: '7' }));
    const watch = store.watch({ key: '\0', rangeEnd: '\0' }, () => {});
    store.execute({ type, lease: '7' });
    assert.equal(store.revision, 5);
    assert.deepEqual(contentOf(store), ['x=']);
    const pulled = watch.pull(10);
    assert.deepEqual('events' in pulled && pulled.events.map(({ kv }) => [kv.key, kv.modRevision]), [
      ['a', 5],
      ['b', 5],
    ]);
    assert.equal(store.lease('7'), null);
  }
});

test('a lease that is not there cannot be revoked, expire or be put on', () => {
  given().when(revoke('7')).isRefused('lease-not-found');
  given().when({ type: 'LeaseExpire', lease: '7' }).isRefused('lease-not-found');
  given(grant('7'), revoke('7'))
    .when(put('a', '', { lease: '7' }))
    .isRefused('lease-not-found');
});

test('a put without the lease takes the key off it', () => {
  const { store } = given(grant('7'), put('a', '', { lease: '7' }), put('a'), revoke('7'));
  assert.deepEqual(contentOf(store), ['a=']);
  assert.equal(store.revision, 3);
});

test('a put with another lease moves the key', () => {
  const { store } = given(grant('7'), grant('8'), put('a', '', { lease: '7' }), put('a', '', { lease: '8' }));
  assert.deepEqual([store.lease('7')?.keys, store.lease('8')?.keys], [[], ['a']]);
});

test('a deleted key is on no lease any more, also when it comes back', () => {
  const { store } = given(grant('7'), put('a', '', { lease: '7' }), del('a'), put('a'));
  assert.deepEqual(store.lease('7')?.keys, []);
});

test('transactions attach and detach', () => {
  const { store } = given(grant('7'), put('a', '', { lease: '7' }), txn(put('a'), put('b', '', { lease: '7' })));
  assert.deepEqual(store.lease('7')?.keys, ['b']);
});

test('numbers of leases are those of int64 above 0', () => {
  assert.deepEqual(['1', '9223372036854775807'].map(isLeaseId), [true, true]);
  assert.deepEqual(['', '0', '-1', '1.5', ' 1', '9223372036854775808', '99999999999999999999'].map(isLeaseId), [
    ...Array.from({ length: 7 }, () => false),
  ]);
  assert.deepEqual([compareLeases('9', '10'), compareLeases('-3', '2'), compareLeases('5', '5')], [-1, -1, 0]);
});
