import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyValue } from '../../../shared/domain/kv.ts';
import { decodeJson } from '../../../shared/protocol/json.ts';
import type { KvBatchReply, KvQueryReply } from '../../../shared/protocol/kv.ts';
import { encodeBatchReply, encodeQueryReply } from './encodeReply.ts';

const keyValue: fc.Arbitrary<KeyValue> = fc
  .record<KeyValue>({
    key: fc.string({ maxLength: 20 }),
    // Characters of one, two and six bytes in JSON.
    value: fc.string({ unit: fc.constantFrom('a', 'ä', '\u0001'), maxLength: 300 }),
    createRevision: fc.constant(1),
    modRevision: fc.constant(1),
    version: fc.constant(1),
    lease: fc.constant('0'),
  })
  .map((kv) => ({ ...kv }));

test('a range is cut to what a message takes, to a beginning of its keys, and to at least one', () => {
  fc.assert(
    fc.property(fc.array(keyValue, { maxLength: 40 }), fc.integer({ min: 400, max: 20_000 }), (kvs, maxBytes) => {
      const whole: KvQueryReply<'range'> = { ok: true, revision: 7, data: { kvs, count: kvs.length, more: false } };
      const data = encodeQueryReply(whole, maxBytes);
      assert.ok(data.length <= maxBytes);
      const reply = decodeJson<KvQueryReply<'range'>>(data);
      if (!reply.ok) return assert.equal(reply.error.code, 'request-too-large');
      assert.deepEqual(reply.data.kvs, kvs.slice(0, reply.data.kvs.length));
      assert.equal(reply.data.cut === true, reply.data.kvs.length < kvs.length);
      assert.ok(reply.data.kvs.length > 0 || kvs.length === 0);
    }),
  );
});

test('results that are too long for a message are not given, but what was asked is said to be done', () => {
  const results: KvBatchReply = {
    ok: true,
    seq: 1,
    results: [{ ok: false, error: { code: 'invalid-request', message: 'x'.repeat(1_000) } }],
  };
  assert.deepEqual(decodeJson(encodeBatchReply(results, 2_000)), results);
  const reply = decodeJson<KvBatchReply>(encodeBatchReply(results, 500));
  assert.ok(!reply.ok && reply.error.code === 'answer-too-large' && reply.error.message?.startsWith('it is done'));
});
