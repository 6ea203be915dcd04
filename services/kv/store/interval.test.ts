import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containsKey, endsBy, isSingleKey, toInterval } from './interval.ts';

function keysIn(range: { key: string; rangeEnd?: string }): string[] {
  return ['a', 'a\0', 'aa', 'b', 'b\xff', 'c'].filter((key) => containsKey(toInterval(range), key));
}

test('a range without an end, or with an empty one, is one key', () => {
  assert.deepEqual(keysIn({ key: 'a' }), ['a']);
  assert.deepEqual(keysIn({ key: 'a', rangeEnd: '' }), ['a']);
  assert.ok(isSingleKey({ key: 'a', rangeEnd: '' }));
});

test('a range has its first key but not its end', () => {
  assert.deepEqual(keysIn({ key: 'a\0', rangeEnd: 'b' }), ['a\0', 'aa']);
});

test('the end \\0 is none', () => {
  assert.deepEqual(keysIn({ key: 'b', rangeEnd: '\0' }), ['b', 'b\xff', 'c']);
});

test('a range that ends before it begins has no keys', () => {
  assert.deepEqual(keysIn({ key: 'b', rangeEnd: 'a' }), []);
});

test('no end is behind every end', () => {
  assert.deepEqual([endsBy('a', 'b'), endsBy('b', 'b'), endsBy('c', 'b')], [true, true, false]);
  assert.deepEqual([endsBy('a', null), endsBy(null, 'a'), endsBy(null, null)], [true, false, true]);
});
