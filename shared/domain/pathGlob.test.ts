import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expandBraces, firstMatch, fixedParts } from './pathGlob.ts';

const tree: Record<string, string[]> = { '/': ['a', 'b'], '/a': ['.x', 'z', 'y'], '/b': ['only'] };
const directories = {
  entries: async (directory: string) => tree[directory] ?? null,
  isThere: async (path: string) =>
    path === '/' || (tree[path.replace(/\/[^/]*$/, '') || '/'] ?? []).includes(path.replace(/.*\//, '')),
};

test('what a pattern matches first is found, by name', async () => {
  const found = (pattern: string) => firstMatch(pattern, directories);
  assert.equal(await found('/a/*'), '/a/y');
  assert.equal(await found('/{nowhere,b}/o*'), '/b/only');
  assert.equal(await found('/a/.?'), '/a/.x');
  assert.equal(await found('/?/z'), '/a/z');
  assert.equal(await found('/'), '/');
  assert.equal(await found('/a/w*'), null);
});

test('a pattern that leads back again and again comes to an end', async () => {
  const round = { entries: async () => ['a', 'b'], isThere: async () => false };
  assert.equal(await firstMatch('/*/..'.repeat(200), round), null);
});

test('what all that a pattern matches has in common is known', () => {
  assert.deepEqual(fixedParts('/a/b/*.x/c'), ['a', 'b']);
  assert.deepEqual(fixedParts('/a/{b/c,d}'), ['a']);
  assert.deepEqual(fixedParts('/a/b'), ['a', 'b']);
});

test('braces are expanded from left to right, inner ones too', () => {
  assert.deepEqual(expandBraces('/a{b,c{d,e}}{f,}'), ['/abf', '/ab', '/acdf', '/acd', '/acef', '/ace']);
});

test('of a pattern that stands for more than anybody means, so many are looked for, at once', () => {
  const all = expandBraces(`/${'{a,b}'.repeat(2_000)}`);
  assert.equal(all.length, 1_000);
  assert.equal(new Set(all).size, 1_000);
});
