import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WatchEvent } from '../../../shared/domain/kv.ts';
import { createStore, restoreStore } from './mvccStore.ts';
import type { Watch } from './store.ts';

function pulled(watch: Watch): WatchEvent[] {
  const result = watch.pull(100);
  assert.ok('events' in result, 'the watch is over');
  return result.events;
}

test('a new store is at revision 1, and each put makes one more', () => {
  const store = createStore();
  assert.equal(store.revision, 1);
  store.execute({ type: 'Put', key: 'a', value: '1' });
  store.execute({ type: 'Put', key: 'a', value: '2' });
  assert.equal(store.revision, 3);
  assert.deepEqual(store.range({ key: 'a' }), {
    kvs: [{ key: 'a', value: '2', createRevision: 2, modRevision: 3, version: 2, lease: '0' }],
    count: 1,
    more: false,
  });
});

test('a refused command changes nothing', () => {
  const store = createStore();
  assert.deepEqual(store.execute({ type: 'Put', key: '', value: '1' }), { code: 'empty-key' });
  assert.deepEqual(store.execute({ type: 'Put', key: 'a', value: '1', lease: '7' }), { code: 'lease-not-found' });
  assert.equal(store.revision, 1);
});

test('a watch is told once of what concerns it, and takes it when it likes', () => {
  const store = createStore();
  let told = 0;
  const watch = store.watch({ key: 'a', rangeEnd: 'b' }, () => told++);
  store.execute({ type: 'Put', key: 'b', value: '1' });
  assert.equal(told, 0);
  store.execute({ type: 'Put', key: 'a', value: '1' });
  store.execute({ type: 'DeleteRange', key: 'a' });
  assert.equal(told, 1);
  assert.deepEqual(
    pulled(watch).map(({ type, kv }) => [type, kv.modRevision]),
    [
      ['put', 3],
      ['delete', 4],
    ],
  );
  assert.deepEqual(watch.pull(100), { revision: 4, events: [] });
});

test('a store restored from its chunks goes on where it was', () => {
  const store = createStore();
  store.execute({ type: 'LeaseGrant', lease: '7', ttlS: 10 });
  store.execute({ type: 'Put', key: 'a', value: '1', lease: '7' });
  store.execute({ type: 'Put', key: 'b', value: '1' });
  const restored = restoreStore(store.serialize());
  restored.execute({ type: 'LeaseExpire', lease: '7' });
  assert.equal(restored.revision, 4);
  assert.deepEqual(restored.range({ key: 'a', rangeEnd: '\0', keysOnly: true, countOnly: true }), {
    kvs: [],
    count: 1,
    more: false,
  });
});
