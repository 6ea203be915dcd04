import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hashBytes, hashNumber, ownBytes } from './bytes.ts';
import { anyBytes } from './testing/arbitraries.ts';

test('a copy has the same bytes, however many', () => {
  fc.assert(fc.property(anyBytes, (bytes) => ownBytes(bytes) === bytes));
  const long = '\xff\0'.repeat(100_000);
  assert.equal(ownBytes(long), long);
  assert.equal(ownBytes(''), '');
});

test('hashes tell apart where one string ends and the next begins', () => {
  assert.notEqual(hashBytes('c', hashBytes('ab', 1)), hashBytes('bc', hashBytes('a', 1)));
  assert.notEqual(hashBytes('', hashBytes('a', 1)), hashBytes('a', hashBytes('', 1)));
});

test('hashes of numbers beyond 32 bits differ', () => {
  const numbers = [0, 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1];
  assert.equal(new Set(numbers.map((number) => hashNumber(number, 7))).size, numbers.length);
});
