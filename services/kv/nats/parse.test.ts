import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { KvCommand, RequestOp, TxnRequest } from '../../../shared/domain/kv.ts';
import { decodeJson, encodeJson } from '../../../shared/protocol/json.ts';
import type { KvQuery } from '../../../shared/protocol/kv.ts';
import type { StreamRequest } from '../../../shared/protocol/kvWatch.ts';
import { parseBatch } from './parseBatch.ts';
import { parseQuery } from './parseQuery.ts';
import { parseStream } from './parseStream.ts';

const bytes = fc.uint8Array().map((array) => Buffer.from(array).toString('latin1'));
const lease = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String);
const range = fc.record(
  { key: bytes, rangeEnd: bytes, limit: fc.nat(), revision: fc.maxSafeInteger(), keysOnly: fc.boolean() },
  { requiredKeys: ['key'] },
);
const put = fc.record(
  { type: fc.constant('Put' as const), key: bytes, value: bytes, lease, prevKv: fc.boolean() },
  { requiredKeys: ['type', 'key', 'value'] },
);
const deletion = fc.record(
  { type: fc.constant('DeleteRange' as const), key: bytes, rangeEnd: bytes },
  {
    requiredKeys: ['type', 'key'],
  },
);

const txn: fc.Arbitrary<TxnRequest> = fc.letrec<{ txn: TxnRequest; ops: RequestOp[] }>((tie) => ({
  ops: fc.array(
    fc.oneof(
      { depthSize: 'small' },
      put,
      deletion,
      range.map((request) => ({ type: 'Range' as const, ...request })),
      tie('txn').map((nested) => ({ type: 'Txn' as const, ...nested })),
    ),
    { maxLength: 3 },
  ),
  txn: fc.record({
    compare: fc.array(
      fc.oneof(
        fc.record({
          key: bytes,
          result: fc.constantFrom('equal', 'less'),
          target: fc.constant('mod'),
          number: fc.nat(),
        }),
        fc.record({ key: bytes, result: fc.constant('greater'), target: fc.constant('value'), value: bytes }),
      ) as fc.Arbitrary<TxnRequest['compare'][number]>,
      { maxLength: 2 },
    ),
    success: tie('ops'),
    failure: tie('ops'),
  }),
})).txn;

const command: fc.Arbitrary<KvCommand> = fc.oneof(
  put,
  deletion,
  txn.map((request) => ({ type: 'Txn' as const, ...request })),
  fc.record({ type: fc.constant('LeaseGrant' as const), lease, ttlS: fc.integer() }),
  fc.record({ type: fc.constant('Compact' as const), revision: fc.nat() }),
);

/** Bytes, and JSON of any shape with keys that the parsers look at. */
const garbage = fc.oneof(
  fc.uint8Array(),
  fc.json().map((text) => new TextEncoder().encode(text)),
  fc.dictionary(fc.constantFrom('type', 'id', 'key', 'commands', 'lease', 'replyTo'), fc.jsonValue()).map(encodeJson),
);

function problemOf(parsed: object): string {
  return 'error' in parsed && typeof parsed.error === 'object' && parsed.error && 'message' in parsed.error
    ? String(parsed.error.message)
    : '';
}

describe('a batch', () => {
  test('is read as it was sent, whatever bytes are in it', () => {
    fc.assert(
      fc.property(fc.array(command, { minLength: 1, maxLength: 5 }), (commands) => {
        const data = encodeJson({ id: 'b1', by: 'me@here', commands });
        assert.deepEqual(parseBatch(data), decodeJson(data));
      }),
    );
  });
  test('of the wrong shape is refused with every problem', () => {
    const nested = { type: 'Txn', compare: [], success: [{ type: 'Put', key: 7, value: '' }], failure: [] };
    const problem = problemOf(
      parseBatch(
        encodeJson({
          id: '',
          commands: [{ type: 'Put', key: '\u0100', value: '', lease: '9223372036854775808' }, nested],
        }),
      ),
    );
    for (const part of ['id: ', 'commands.0.key: has a char above U+00FF', 'commands.0.lease: ', '1.success.0.key: ']) {
      assert.ok(problem.includes(part), `${part} in ${problem}`);
    }
  });
  test('cannot let a lease expire, have no commands, or have what nobody knows', () => {
    const commands = [{ type: 'LeaseExpire', lease: '7' }];
    assert.match(problemOf(parseBatch(encodeJson({ id: 'b', commands }))), /commands\.0\.type/);
    assert.match(problemOf(parseBatch(encodeJson({ id: 'b', commands: [] }))), /commands/);
    const misspelt = [{ type: 'Put', key: 'a', value: 'b', leese: '7' }];
    assert.match(problemOf(parseBatch(encodeJson({ id: 'b', commands: misspelt }))), /leese/);
  });
  test('that is nested beyond reading is refused', () => {
    const depth = 20_000;
    const open = '{"type":"Txn","compare":[],"failure":[],"success":[';
    const text = `{"id":"b","commands":[${open.repeat(depth)}${']}'.repeat(depth)}]}`;
    assert.match(problemOf(parseBatch(Buffer.from(text))), /cannot be read|does not understand/);
  });
  test('that is anything at all is refused, never thrown at', () => {
    fc.assert(fc.property(garbage, (data) => assert.ok('error' in parseBatch(data))));
  });
});

describe('a query', () => {
  const queries: KvQuery[] = [
    { type: 'range', key: '\0', rangeEnd: '\0', sortTarget: 'create', sortOrder: 'ascend', limit: 1, skip: 2 },
    { type: 'txn', compare: [], success: [{ type: 'Range', key: 'a' }], failure: [], serializable: true, user: 'me' },
    { type: 'lease', lease: '-1' },
    { type: 'leases' },
    { type: 'renew', lease: '7' },
    { type: 'status' },
    { type: 'members' },
    { type: 'hash', revision: 0 },
  ];
  for (const query of queries) {
    test(`is read as it was sent: ${query.type}`, () => assert.deepEqual(parseQuery(encodeJson(query)), query));
  }
  test('that is anything at all is refused, never thrown at', () => {
    fc.assert(fc.property(garbage, (data) => assert.ok('error' in parseQuery(data))));
  });
});

describe('a request about a stream', () => {
  const requests: StreamRequest[] = [
    { type: 'watch', id: 's', replyTo: '_INBOX.a.b', key: 'a', rangeEnd: 'b', startRevision: 7, prevKv: true },
    { type: 'snapshot', id: 's', replyTo: '_INBOX.a' },
    { type: 'continue', id: 's', received: 0 },
    { type: 'close', id: 's' },
  ];
  for (const request of requests) {
    test(`is read as it was sent: ${request.type}`, () => assert.deepEqual(parseStream(encodeJson(request)), request));
  }
  test('cannot make a store write where others listen', () => {
    for (const replyTo of ['flotilla.log.kv', '$JS.API.STREAM.PURGE.X', '_INBOX.>', '_INBOX.a *', '']) {
      assert.match(problemOf(parseStream(encodeJson({ type: 'snapshot', id: 's', replyTo }))), /replyTo/);
    }
  });
  test('that is anything at all is refused, never thrown at', () => {
    fc.assert(fc.property(garbage, (data) => assert.ok('error' in parseStream(data))));
  });
});
