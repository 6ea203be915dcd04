import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Keyspace } from './keyspace.ts';
import type { Versions } from './versions.ts';

function put(keyspace: Keyspace, key: string, value = ''): void {
  keyspace.put(key, value, '0');
  keyspace.commit();
}

function remove(keyspace: Keyspace, key: string): void {
  keyspace.delete(key);
  keyspace.commit();
}

function tidyAll(keyspace: Keyspace): void {
  while (keyspace.tidy());
}

/** What is in memory, whether anybody can see it or not: `a@2` for each version. */
function held(keyspace: Keyspace): string[] {
  const all: string[] = [];
  const add = (versions: Versions) =>
    all.push(...[versions].flat().map(({ key, modRevision }) => `${key}@${modRevision}`)) > 0;
  keyspace.scanVersions({ from: '', to: null }, add);
  return all;
}

test('memory of what was replaced or deleted comes back, once it is compacted', () => {
  const keyspace = new Keyspace();
  for (const key of ['a', 'b', 'a', 'c']) put(keyspace, key);
  remove(keyspace, 'b');
  put(keyspace, 'a');
  keyspace.compact(7);
  assert.equal(held(keyspace).length, 6);
  tidyAll(keyspace);
  assert.deepEqual(held(keyspace), ['a@7', 'c@5']);
});

test('what a compaction keeps for being made at its very revision, the next one frees', () => {
  const keyspace = new Keyspace();
  put(keyspace, 'a');
  remove(keyspace, 'a');
  keyspace.compact(3);
  tidyAll(keyspace);
  assert.deepEqual(held(keyspace), ['a@3']);
  put(keyspace, 'b');
  keyspace.compact(4);
  tidyAll(keyspace);
  assert.deepEqual(held(keyspace), ['b@4']);
});

test('a key that comes back after its deletion holds only what it is', () => {
  const keyspace = new Keyspace();
  put(keyspace, 'a');
  remove(keyspace, 'a');
  keyspace.compact(3);
  tidyAll(keyspace);
  put(keyspace, 'a');
  keyspace.compact(4);
  tidyAll(keyspace);
  assert.deepEqual(held(keyspace), ['a@4']);
});

test('what is pinned stays in memory until it is let go', () => {
  const keyspace = new Keyspace();
  const unpin = keyspace.pin();
  for (const value of ['1', '2', '3']) put(keyspace, 'a', value);
  keyspace.compact(4);
  tidyAll(keyspace);
  assert.equal(held(keyspace).length, 3);
  unpin();
  tidyAll(keyspace);
  assert.deepEqual(held(keyspace), ['a@4']);
});

/** Of what is reachable, after a collection. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

test('keys and values are held in memory of their own, not as parts of the request', () => {
  const keyspace = new Keyspace();
  const before = heapUsed();
  for (let i = 0; i < 200; i++) {
    const request = Buffer.alloc(100_000, `${i} `).toString('latin1');
    put(keyspace, request.slice(0, 20), request.slice(20, 40));
  }
  assert.ok(heapUsed() - before < 2_000_000);
  assert.equal(keyspace.count({ from: '', to: null }), 200);
});
