import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AlarmKind, KvCommand } from '../../../shared/domain/kv.ts';
import { del, get, given, put, txn } from './testing/storeSpec.ts';

const raise = (alarm: AlarmKind, member = 'm1'): KvCommand => ({ type: 'AlarmActivate', alarm, member });
const clear = (alarm: AlarmKind, member = 'm1'): KvCommand => ({ type: 'AlarmDeactivate', alarm, member });
const grant: KvCommand = { type: 'LeaseGrant', lease: '8', ttlS: 5 };
const base: KvCommand[] = [put('a'), put('a'), { type: 'LeaseGrant', lease: '7', ttlS: 5 }];
const done = { type: 'Done' } as const;

test('alarms are listed by kind and member, each once', () => {
  const { store } = given(
    raise('NOSPACE', 'm2'),
    raise('NOSPACE', 'm1'),
    raise('CORRUPT', 'm2'),
    raise('NOSPACE', 'm1'),
  );
  assert.deepEqual(store.alarms, [
    { alarm: 'CORRUPT', member: 'm2' },
    { alarm: 'NOSPACE', member: 'm1' },
    { alarm: 'NOSPACE', member: 'm2' },
  ]);
  store.execute(clear('NOSPACE', 'm1'));
  assert.equal(store.alarms.length, 2);
});

test('taking back an alarm that nobody has raised is no mistake', () => {
  given().when(clear('NOSPACE')).answers(done);
});

test('without space nothing is put and no lease granted', () => {
  const nested = { ...txn(), failure: [txn(put('b'))] };
  for (const refused of [put('b'), txn(put('b')), nested, grant]) {
    given(...base, raise('NOSPACE'))
      .when(refused)
      .isRefused('no-space');
  }
});

test('without space room can still be made', () => {
  const allowed: KvCommand[] = [
    del('a'),
    txn(del('a'), get('a')),
    { type: 'Compact', revision: 3 },
    { type: 'LeaseRevoke', lease: '7' },
    { type: 'LeaseExpire', lease: '7' },
    clear('NOSPACE'),
    { type: 'UserAdd', name: 'u' },
  ];
  for (const command of allowed) given(...base, raise('NOSPACE'), command);
});

test('what is corrupt is not written', () => {
  const refused: KvCommand[] = [
    put('b'),
    del('a'),
    txn(),
    { type: 'Compact', revision: 3 },
    grant,
    { type: 'LeaseRevoke', lease: '7' },
    { type: 'LeaseExpire', lease: '7' },
  ];
  for (const command of refused)
    given(...base, raise('CORRUPT'))
      .when(command)
      .isRefused('corrupt');
  const { store } = given(...base, raise('CORRUPT'));
  assert.ok('kvs' in store.range({ key: 'a' }));
});

test('a store works again when the last alarm is taken back', () => {
  const { store, when } = given(raise('NOSPACE', 'm1'), raise('NOSPACE', 'm2'), clear('NOSPACE', 'm1'));
  when(put('a')).isRefused('no-space');
  store.execute(clear('NOSPACE', 'm2'));
  when(put('a')).answers({ type: 'Put' });
});
