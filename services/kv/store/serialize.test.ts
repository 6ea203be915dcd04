import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KvCommand } from '../../../shared/domain/kv.ts';
import { SnapshotError } from './byteReader.ts';
import { createStore, restoreStore } from './mvccStore.ts';
import { command } from './testing/arbitraries.ts';
import { contentOf, del, given, put, snapshotOf } from './testing/storeSpec.ts';

const everything: KvCommand[] = [
  { type: 'LeaseGrant', lease: '9223372036854775807', ttlS: 9_000_000_000 },
  { type: 'LeaseGrant', lease: '7', ttlS: 30 },
  put('\0\xff', '\xff\0', { lease: '9223372036854775807' }),
  put('a', '1', { lease: '7' }),
  put('a', '2', { lease: '7' }),
  del('a'),
  { type: 'Compact', revision: 3 },
  { type: 'AlarmActivate', alarm: 'NOSPACE', member: 'Märzen' },
  { type: 'UserAdd', name: 'root', password: 'geheim€' },
  { type: 'UserAdd', name: 'jörg' },
  { type: 'RoleAdd', name: 'r' },
  { type: 'RoleGrantPermission', name: 'r', permission: { access: 'read', key: '\xff', rangeEnd: '\0' } },
  { type: 'RoleGrantPermission', name: 'r', permission: { access: 'write', key: 'a' } },
  { type: 'UserGrantRole', name: 'root', role: 'root' },
  { type: 'UserGrantRole', name: 'jörg', role: 'r' },
  { type: 'AuthEnable', tokenKey: 'beef' },
];

test('a snapshot holds keys, history, leases, alarms, users and roles', () => {
  const { store } = given(...everything);
  const restored = restoreStore(store.serialize());
  assert.equal(snapshotOf(restored), snapshotOf(store));
  assert.deepEqual([restored.revision, restored.compactRevision], [5, 3]);
  assert.deepEqual([restored.sizeBytes, restored.sizeInUseBytes], [store.sizeBytes, store.sizeInUseBytes]);
  assert.deepEqual(restored.leases(), store.leases());
  assert.deepEqual(restored.lease('9223372036854775807'), { ttlS: 9_000_000_000, keys: ['\0\xff'] });
  assert.deepEqual(restored.alarms, [{ alarm: 'NOSPACE', member: 'Märzen' }]);
  assert.deepEqual([restored.auth.enabled, restored.auth.tokenKey], [true, 'beef']);
  assert.equal(restored.auth.revision, store.auth.revision);
  assert.deepEqual(restored.auth.users(), ['jörg', 'root']);
  assert.deepEqual([restored.auth.password('root'), restored.auth.password('jörg')], ['geheim€', undefined]);
  assert.deepEqual(restored.auth.rolesOf('jörg'), ['r']);
  assert.deepEqual(restored.auth.permissionsOf('r'), store.auth.permissionsOf('r'));
});

test('watches find in a restored store what they would have found', () => {
  const { store } = given(...everything);
  const restored = restoreStore(store.serialize());
  for (const startRevision of [2, 3, 4, 5, 6]) {
    const request = { key: '\0', rangeEnd: '\0', startRevision, prevKv: true };
    const [one, other] = [store, restored].map((each) => each.watch(request, () => {}).pull(10));
    assert.deepEqual(one, other);
  }
});

test('an empty store has a snapshot too', () => {
  const restored = restoreStore(createStore().serialize());
  assert.equal(restored.revision, 1);
  assert.equal('code' in restored.execute(put('a')), false);
});

test('stores that got to the same by the same commands have the same bytes, whatever was read or tidied', () => {
  const [one, other] = [given(...everything).store, given(...everything).store];
  other.tidy();
  other.range({ key: 'a', rangeEnd: '\0' }, 'root');
  assert.equal(snapshotOf(one), snapshotOf(other));
});

test('values larger than a chunk are cut', () => {
  const value = 'x'.repeat(3_000_000);
  const { store } = given(put('a', value), put('b', 'small'));
  const chunks = [...store.serialize()];
  assert.ok(chunks.length > 3 && chunks.every((chunk) => chunk.length <= 1024 * 1024));
  assert.deepEqual(contentOf(restoreStore(chunks)), [`a=${value}`, 'b=small']);
});

test('many versions of one key come in many chunks, with changes in between', () => {
  const { store } = given();
  for (let i = 0; i < 20_000; i++) store.execute(put('hot', `value ${i} ${'.'.repeat(30)}`));
  const expected = snapshotOf(store);
  const chunks: Uint8Array[] = [];
  for (const chunk of store.serialize()) {
    chunks.push(chunk);
    store.execute(put('hot', 'newer'));
    store.execute({ type: 'Compact', revision: store.revision });
    while (store.tidy());
  }
  assert.ok(chunks.length > 2);
  assert.equal(Buffer.concat(chunks).toString('latin1'), expected);
});

test('what is put and deleted between chunks is not in the snapshot, be the key new or old', () => {
  const { store } = given();
  for (let i = 0; i < 3_000; i++) store.execute(put(`k${i}`, 'x'.repeat(200)));
  const expected = snapshotOf(store);
  const chunks: Uint8Array[] = [];
  for (const chunk of store.serialize()) {
    chunks.push(chunk);
    for (let i = 0; i < 3_000; i += 7) store.execute(put(`k${i}`, 'newer'));
    for (let i = 0; i < 3_000; i += 11) store.execute(put(`k${i}\0new${chunks.length}`));
    for (let i = 0; i < 3_000; i += 13) store.execute(del(`k${i}`));
  }
  assert.ok(chunks.length > 2);
  assert.equal(Buffer.concat(chunks).toString('latin1'), expected);
});

test('a damaged snapshot is refused, never half restored in silence', () => {
  const whole = Buffer.concat([...given(...everything).store.serialize()]);
  assert.throws(() => restoreStore([]), SnapshotError);
  assert.throws(() => restoreStore([whole, Buffer.from([0])]), SnapshotError);
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => restoreStore([whole.subarray(0, length)]), SnapshotError);
  }
  const unknown = Buffer.from(whole);
  unknown[0] = 2;
  assert.throws(() => restoreStore([unknown]), /version 2/);
});

test('a wrong byte is restored as it stands or refused, and stops nothing', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 20 }), fc.nat(), fc.nat(255), (commands, at, byte) => {
      const store = createStore();
      for (const each of commands) store.execute(each);
      const changed = Buffer.concat([...store.serialize()]);
      changed[at % changed.length] = byte;
      try {
        restoreStore([changed]);
      } catch (error) {
        assert.ok(error instanceof SnapshotError, String(error));
      }
    }),
    { numRuns: 500 },
  );
});
