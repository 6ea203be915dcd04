import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultQuotaBytes } from './serve.ts';

test('a store may hold a quarter of its heap, and no more than an etcd', () => {
  assert.equal(defaultQuotaBytes(1024 ** 3), 256 * 1024 ** 2);
  assert.equal(defaultQuotaBytes(64 * 1024 ** 3), 2 * 1024 ** 3);
});
