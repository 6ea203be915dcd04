import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSpan } from './words.ts';

test('a span is said in its two largest units', () => {
  const minute = 60_000;
  const spans = [0, 999, 59_000, 61_000, 60 * minute, 25 * 60 * minute, 1_000 * 24 * 60 * minute, -5];
  assert.deepEqual(spans.map(describeSpan), ['0s', '0s', '59s', '1min 1s', '1h', '1d 1h', '1000d', '0s']);
});
