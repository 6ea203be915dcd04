import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Options } from '../options.ts';
import { addressesOf } from './api.ts';

test('the API is on the loopback interface, or on a socket alone, unless both are asked for', () => {
  const addresses = (given: object) => addressesOf(new Options(given as never));
  assert.deepEqual(addresses({}), { tcp: { host: '127.0.0.1', port: 7070 } });
  assert.deepEqual(addresses({ socket: '/run/fleet.sock' }), { socket: '/run/fleet.sock' });
  assert.deepEqual(addresses({ socket: '/run/fleet.sock', listen: '10.0.0.1:80' }), {
    ...{ tcp: { host: '10.0.0.1', port: 80 }, socket: '/run/fleet.sock' },
  });
});
