import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Compare, KvCommand } from '../../../shared/domain/kv.ts';
import { del, given, put } from './testing/storeSpec.ts';

/** a: created 3, modified 4, version 2, lease 7; b: created and modified 5. */
const commands: KvCommand[] = [
  { type: 'LeaseGrant', lease: '7', ttlS: 5 },
  put('gone'),
  put('a', 'old', { lease: '7' }),
  put('a', 'm', { lease: '7' }),
  put('b', 'n'),
  del('gone'),
];

function holds(...compare: Compare[]): boolean {
  const answer = given(...commands).store.read({ compare, success: [], failure: [] });
  assert.ok('succeeded' in answer);
  return answer.succeeded;
}

function resultsFor(target: 'version' | 'create' | 'mod', number: number, key = 'a'): string[] {
  const results = ['less', 'equal', 'greater', 'not-equal'] as const;
  return results.filter((result) => holds({ key, target, number, result }));
}

test('numbers of a key are compared', () => {
  assert.deepEqual(resultsFor('version', 2), ['equal']);
  assert.deepEqual(resultsFor('create', 3), ['equal']);
  assert.deepEqual(resultsFor('mod', 5), ['less', 'not-equal']);
  assert.deepEqual(resultsFor('mod', 3), ['greater', 'not-equal']);
});

test('a key that is missing or deleted has zeros', () => {
  for (const key of ['missing', 'gone']) {
    assert.deepEqual(resultsFor('version', 0, key), ['equal']);
    assert.deepEqual(resultsFor('create', 0, key), ['equal']);
    assert.deepEqual(resultsFor('mod', 1, key), ['less', 'not-equal']);
    assert.ok(holds({ key, target: 'lease', lease: '0', result: 'equal' }));
  }
});

test('nothing is true of the value of a missing key', () => {
  for (const result of ['less', 'equal', 'greater', 'not-equal'] as const) {
    assert.equal(holds({ key: 'missing', target: 'value', value: '', result }), false);
  }
});

test('values are compared as bytes', () => {
  assert.ok(holds({ key: 'a', target: 'value', value: 'm', result: 'equal' }));
  assert.ok(holds({ key: 'a', target: 'value', value: 'm\0', result: 'less' }));
  assert.ok(holds({ key: 'a', target: 'value', value: '\xff', result: 'less' }));
});

test('leases are compared as numbers', () => {
  assert.ok(holds({ key: 'a', target: 'lease', lease: '7', result: 'equal' }));
  assert.ok(holds({ key: 'a', target: 'lease', lease: '10', result: 'less' }));
  assert.ok(holds({ key: 'a', target: 'lease', lease: '-9', result: 'greater' }));
  assert.ok(holds({ key: 'a', target: 'lease', lease: '9223372036854775807', result: 'less' }));
});

test('a comparison with a range holds when it does for every key', () => {
  assert.ok(holds({ key: 'a', rangeEnd: 'c', target: 'mod', number: 3, result: 'greater' }));
  assert.ok(!holds({ key: 'a', rangeEnd: 'c', target: 'mod', number: 4, result: 'greater' }));
  assert.ok(holds({ key: 'x', rangeEnd: '\0', target: 'mod', number: 0, result: 'equal' }));
});

test('all comparisons have to hold', () => {
  const yes: Compare = { key: 'a', target: 'version', number: 2, result: 'equal' };
  const no: Compare = { key: 'b', target: 'version', number: 2, result: 'equal' };
  assert.deepEqual([holds(yes, yes), holds(yes, no), holds()], [true, false, true]);
});
