import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KVService, LeaseService, MaintenanceService } from '../messages.ts';
import { JsonMessageError, readJsonMessage, writeJsonMessage } from './jsonFields.ts';

const txn = KVService.Txn.request.json();

test('a message that is wrong somewhere says where', () => {
  const wrong: [json: unknown, message: string][] = [
    [[], 'the request is no object'],
    [{ success: {} }, '"success" is no list'],
    [{ success: [{}, { request_put: { key: '?' } }] }, '"success[1].request_put.key" is no base64'],
    [{ compare: [{ target: 'WHEN' }] }, '"compare[0].target" is none of VERSION, CREATE, MOD, VALUE, LEASE'],
    [{ compare: [{ version: '1.5' }] }, '"compare[0].version" is no whole number'],
    [{ compare: [{ lease: '9223372036854775808' }] }, '"compare[0].lease" is out of bounds'],
    [{ compare: [{ target: 1e300 }] }, '"compare[0].target" is no whole number'],
    [{ compare: [{ target: 2 ** 31 }] }, '"compare[0].target" is out of bounds'],
    [{ compare: [{ target: 'toString' }] }, '"compare[0].target" is none of VERSION, CREATE, MOD, VALUE, LEASE'],
  ];
  for (const [json, message] of wrong) {
    assert.throws(() => readJsonMessage(txn, json), new JsonMessageError(message), JSON.stringify(json));
  }
});

test('64-bit numbers are strings, and keep their last digit', () => {
  const fields = LeaseService.LeaseGrant.response.json();
  const json = { ID: '9223372036854775807', TTL: '10' };
  const message = readJsonMessage(fields, json);
  assert.deepEqual(message, { ID: '9223372036854775807', TTL: 10 });
  assert.deepEqual(writeJsonMessage(fields, message), json);
  assert.deepEqual(writeJsonMessage(MaintenanceService.HashKV.response.json(), { hash: 7 }), { hash: 7 });
});

test('what has its default is left out, and a message that holds nothing is not', () => {
  const fields = KVService.Txn.response.json();
  const message = { succeeded: false, responses: [{ responsePut: {} }], header: undefined };
  assert.deepEqual(writeJsonMessage(fields, message), { responses: [{ response_put: {} }] });
});
