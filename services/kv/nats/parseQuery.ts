import * as z from 'zod';
import type { KvError } from '../../../shared/domain/kv.ts';
import type { KvQuery } from '../../../shared/protocol/kv.ts';
import { lease, parseAs, range, txn } from './parseParts.ts';

const reading = {
  serializable: z.boolean().optional(),
  user: z.string().optional(),
};

const query = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('range'), ...reading, skip: z.int().min(0).optional(), ...range }),
  z.strictObject({ type: z.literal('txn'), ...reading, ...txn }),
  z.strictObject({ type: z.literal('lease'), lease }),
  z.strictObject({ type: z.literal('leases') }),
  z.strictObject({ type: z.literal('renew'), lease }),
  z.strictObject({ type: z.literal('status') }),
  z.strictObject({ type: z.literal('members') }),
  z.strictObject({ type: z.literal('hash'), revision: z.int() }),
]);

/** Reads what somebody sent as a query; every problem of its shape at once. */
export function parseQuery(data: Uint8Array): KvQuery | { error: KvError } {
  return parseAs<KvQuery>(query, data, 'query');
}
