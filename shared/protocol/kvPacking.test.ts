import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KvCommand } from '../domain/kv.ts';
import { packCommands, unpackCommands } from './kvPacking.ts';

const bytes = fc.oneof(
  fc.uint8Array().map((array) => Buffer.from(array).toString('latin1')),
  fc.string({ unit: fc.constantFrom('\0', 'a', ' ', '~', '"', '\\') }),
);
const put = fc.tuple(bytes, bytes).map(([key, value]): KvCommand & { type: 'Put' } => ({ type: 'Put', key, value }));
const txn = fc.tuple(bytes, bytes, bytes, fc.array(put)).map(([key, rangeEnd, value, success]): KvCommand => {
  const compare = [{ key, rangeEnd, target: 'value', result: 'equal', value } as const];
  return { type: 'Txn', compare, success, failure: [{ type: 'Range', key, rangeEnd }] };
});

test('what is packed comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(put, txn)), (commands) => {
      const travelled = JSON.parse(JSON.stringify(packCommands(commands)));
      assert.deepEqual(unpackCommands(travelled), commands);
    }),
  );
});

test('printable text stays readable', () => {
  const command: KvCommand = { type: 'Put', key: '/services/redis/1', value: '{"ip": "10.0.0.1"}' };
  assert.deepEqual(packCommands([command]), [command]);
});

test('no byte takes more than two', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 200, maxLength: 400 }), (array) => {
      const value = Buffer.from(array).toString('latin1');
      const size = JSON.stringify(packCommands([{ type: 'Put', key: 'k', value }])).length;
      assert.ok(size <= 2 * array.length + 100);
    }),
  );
});
