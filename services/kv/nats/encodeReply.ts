import { encodeJson } from '../../../shared/protocol/json.ts';
import type { KvBatchReply, KvQueryReply } from '../../../shared/protocol/kv.ts';

/** An answer to commands as one message. One that is too long is not given; what was asked is done all the same. */
export function encodeBatchReply(reply: KvBatchReply, maxBytes: number): Uint8Array {
  const data = encodeJson(reply);
  if (data.length <= maxBytes) return data;
  const message = `it is done, but the answer has ${data.length} bytes and a message ${maxBytes}: read by a query`;
  return encodeJson({ ok: false, error: { code: 'answer-too-large', message } } satisfies KvBatchReply);
}

/** An answer to a query as one message: a range that is too long for it is cut, anything else refused. */
export function encodeQueryReply(reply: KvQueryReply, maxBytes: number): Uint8Array {
  const data = encodeJson(reply);
  if (data.length <= maxBytes) return data;
  return (isRange(reply) && cutRange(reply, data.length, maxBytes)) || encodeJson(tooLarge(data.length, maxBytes));
}

type RangeReply = KvQueryReply<'range'> & { ok: true };

function isRange(reply: KvQueryReply): reply is RangeReply {
  return reply.ok && 'kvs' in reply.data;
}

/** As many of its keys as have room; null where not even the first one has. */
function cutRange(reply: RangeReply, size: number, maxBytes: number): Uint8Array | null {
  const { kvs } = reply.data;
  let data: Uint8Array;
  for (let kept = kvs.length; kept > 1; size = data.length) {
    // Keys that are longer at the front make the first guess too high.
    kept = Math.max(1, Math.min(kept - 1, Math.floor((kept * maxBytes * 0.9) / size)));
    data = encodeJson({ ...reply, data: { ...reply.data, kvs: kvs.slice(0, kept), cut: true } } satisfies RangeReply);
    if (data.length <= maxBytes) return data;
  }
  return null;
}

function tooLarge(size: number, maxBytes: number): KvQueryReply {
  const message = `the answer has ${size} bytes and a message ${maxBytes}: ask for less, or raise NATS's max_payload`;
  return { ok: false, error: { code: 'request-too-large', message } };
}
