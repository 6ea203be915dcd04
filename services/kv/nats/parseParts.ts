import * as z from 'zod';
import type { KvError } from '../../../shared/domain/kv.ts';
import { decodeJson } from '../../../shared/protocol/json.ts';

/** One char a byte: U+0000 to U+00FF. */
export const bytes = z.string().regex(/^[\0-\xff]*$/, 'has a char above U+00FF: a key or a value has one char a byte');

/** A batch of thousands may be wrong thousands of times. */
const mostIssues = 20;

const mostLease = 2n ** 63n - 1n;

/** An int64 in decimal. */
export const lease = z
  .string()
  .regex(/^(0|-?[1-9]\d{0,18})$/, 'is no int64 in decimal')
  .refine((text) => isInt64(text), 'is no int64 in decimal');

function isInt64(text: string): boolean {
  // All shorter ones are; and nothing that has failed already needs to be read.
  if (text.length < 19 || !/^-?\d+$/.test(text)) return true;
  const number = BigInt(text);
  return number <= mostLease && number >= -mostLease - 1n;
}

export const keyRange = { key: bytes, rangeEnd: bytes.optional() };
const revision = z.int().optional();
const flag = z.boolean().optional();

export const range = {
  ...keyRange,
  limit: z.int().optional(),
  revision,
  sortTarget: z.enum(['key', 'version', 'create', 'mod', 'value']).optional(),
  sortOrder: z.enum(['none', 'ascend', 'descend']).optional(),
  keysOnly: flag,
  countOnly: flag,
  minModRevision: revision,
  maxModRevision: revision,
  minCreateRevision: revision,
  maxCreateRevision: revision,
};

const put = {
  key: bytes,
  value: bytes,
  lease: lease.optional(),
  prevKv: flag,
  ignoreValue: flag,
  ignoreLease: flag,
};
const deleteRange = { ...keyRange, prevKv: flag };

const compared = { ...keyRange, result: z.enum(['equal', 'greater', 'less', 'not-equal']) };
const compare = z.discriminatedUnion('target', [
  z.strictObject({ ...compared, target: z.enum(['version', 'create', 'mod']), number: z.int() }),
  z.strictObject({ ...compared, target: z.literal('value'), value: bytes }),
  z.strictObject({ ...compared, target: z.literal('lease'), lease }),
]);

/** What stands in a transaction: transactions, too. */
const operation = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('Range'), ...range }),
  z.strictObject({ type: z.literal('Put'), ...put }),
  z.strictObject({ type: z.literal('DeleteRange'), ...deleteRange }),
  z.strictObject({
    type: z.literal('Txn'),
    compare: z.array(compare),
    get success(): z.ZodType {
      return z.array(operation);
    },
    get failure(): z.ZodType {
      return z.array(operation);
    },
  }),
]);

export const txn = { compare: z.array(compare), success: z.array(operation), failure: z.array(operation) };
export const operations = { put, deleteRange, txn };

/** What somebody sent, or every problem of its shape. The schema is trusted to be `T`'s. */
export function parseAs<T>(schema: z.ZodType, data: Uint8Array, what: string): T | { error: KvError } {
  try {
    const parsed = schema.safeParse(decodeJson(data));
    if (parsed.success) return parsed.data as T;
    const issues = parsed.error.issues.slice(0, mostIssues).map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    return invalid(`this store does not understand the ${what} (${issues.join('; ')})`);
  } catch (error) {
    // It is not JSON, or it is nested so deep that the stack has no room for reading it.
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    return invalid(`the ${what} cannot be read: ${error.message}`);
  }
}

function invalid(message: string): { error: KvError } {
  return { error: { code: 'invalid-request', message } };
}
