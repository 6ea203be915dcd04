import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from './errors.ts';
import { parseListen } from './listen.ts';

test('an address to listen on is a host and a port', () => {
  assert.deepEqual(parseListen('127.0.0.1:2379'), { host: '127.0.0.1', port: 2379 });
  assert.deepEqual(parseListen('store.example:0'), { host: 'store.example', port: 0 });
  assert.deepEqual(parseListen('[::1]:2379'), { host: '::1', port: 2379 });
});

test('anything else is wrong usage, and it is said what would be right', () => {
  for (const text of ['', '2379', 'host', 'host:', ':2379', '::1:2379', 'host:99999', 'host:2379x']) {
    const said = (error: Error) => error instanceof UsageError && /--listen: .*127\.0\.0\.1:2379/.test(error.message);
    assert.throws(() => parseListen(text), said, text);
  }
});
