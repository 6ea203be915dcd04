import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandBraces } from './pathGlob.ts';

test('braces are expanded from left to right, inner ones too', () => {
  assert.deepEqual(expandBraces('/a{b,c{d,e}}{f,}'), ['/abf', '/ab', '/acdf', '/acd', '/acef', '/ace']);
});

test('of a pattern that stands for more than anybody means, so many are looked for, at once', () => {
  const all = expandBraces(`/${'{a,b}'.repeat(2_000)}`);
  assert.equal(all.length, 1_000);
  assert.equal(new Set(all).size, 1_000);
});
