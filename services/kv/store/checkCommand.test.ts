import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KvCommand } from '../../../shared/domain/kv.ts';
import { checkCommand, isReadOnly } from './checkCommand.ts';
import { createStore } from './mvccStore.ts';
import { command } from './testing/arbitraries.ts';
import { del, get, given, put, txn } from './testing/storeSpec.ts';

test('what is refused before the log is refused by execution the same way, and nothing else is refused early', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 10 }), command, (before, last) => {
      const store = createStore();
      for (const each of before) store.execute(each);
      const early = checkCommand(last);
      const answer = store.execute(last);
      if (early !== null) assert.deepEqual(answer, early);
    }),
    { numRuns: 500 },
  );
});

test('comparisons and sort orders that there are not are refused', () => {
  const compare = { key: 'a', target: 'mod', number: 1, result: 'equal' } as const;
  given()
    .when({ ...txn(), compare: [{ ...compare, result: 'similar' as 'equal' }] })
    .isRefused('invalid-request');
  given()
    .when({ ...txn(), compare: [{ ...compare, target: 'size' as 'mod' }] })
    .isRefused('invalid-request');
  given()
    .when(txn(get('a', { sortTarget: 'size' as 'key' })))
    .isRefused('invalid-request');
});

test('a transaction only reads when no branch of it writes, whichever is taken', () => {
  assert.ok(isReadOnly(txn(get('a'), txn(get('b')))));
  assert.ok(!isReadOnly({ ...txn(), failure: [put('a')] }));
  assert.ok(!isReadOnly(txn(del('a'))));
  assert.ok(!isReadOnly(txn({ ...txn(), failure: [put('a')] })));
});

test('a transaction that writes cannot be read', () => {
  const answer = given().store.read(txn(put('a')));
  assert.equal('code' in answer && answer.code, 'invalid-request');
});

test('every kind of command that is in order passes', () => {
  const commands: KvCommand[] = [
    put('a'),
    del('a', '\0'),
    txn(get('a')),
    { type: 'Compact', revision: 3 },
    { type: 'LeaseGrant', lease: '1', ttlS: 0 },
    { type: 'LeaseRevoke', lease: 'x' },
    { type: 'LeaseExpire', lease: '1' },
    { type: 'AlarmActivate', alarm: 'NOSPACE', member: 'm' },
    { type: 'AlarmDeactivate', alarm: 'NOSPACE', member: 'm' },
    { type: 'AuthEnable', tokenKey: '' },
    { type: 'UserAdd', name: 'u' },
    { type: 'RoleGrantPermission', name: 'r', permission: { access: 'read', key: '' } },
  ];
  for (const each of commands) assert.equal(checkCommand(each), null, each.type);
});
