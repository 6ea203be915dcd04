import * as z from 'zod';
import type { KvError } from '../../../shared/domain/kv.ts';
import type { StreamRequest } from '../../../shared/protocol/kvWatch.ts';
import { keyRange, parseAs } from './parseParts.ts';

const id = z.string().min(1).max(100);
const flag = z.boolean().optional();
/** What can be published to: no wild cards, nothing that the log or a store listens on. */
const replyTo = z
  .string()
  .max(500)
  .regex(/^_INBOX\.[^\s*>]+$/, 'is no inbox');
const start = { id, replyTo };

const request = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('watch'),
    ...start,
    ...keyRange,
    startRevision: z.int().optional(),
    prevKv: flag,
    noPut: flag,
    noDelete: flag,
  }),
  z.strictObject({ type: z.literal('snapshot'), ...start }),
  z.strictObject({ type: z.literal('continue'), id, received: z.int().min(0) }),
  z.strictObject({ type: z.literal('close'), id }),
]);

/** Reads what somebody sent about a stream; every problem of its shape at once. */
export function parseStream(data: Uint8Array): StreamRequest | { error: KvError } {
  return parseAs<StreamRequest>(request, data, 'request');
}
