import fc from 'fast-check';
import type {
  Compare,
  DeleteRangeRequest,
  KeyRange,
  KvCommand,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
  WatchRequest,
} from '../../../../shared/domain/kv.ts';

export const anyBytes = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1'));

/** Few, so that they meet; with the bytes that text would trip over. */
const key = fc.constantFrom('a', 'aa', 'ab', 'b', 'b\0', 'b\xff', 'c', '\xff');
const rangeEnd = fc.constantFrom('\0', 'aa', 'b', 'b\0', 'c', 'd', '\xff');
const value = fc.constantFrom('', 'x', 'y', '\0\xff');
export const leaseId = fc.constantFrom('1', '2', '9223372036854775807');
const maybeLease = fc.oneof({ weight: 6, arbitrary: fc.constant('0') }, leaseId);
const revision = fc.integer({ min: -1, max: 30 });
/** A bound or a moment that leaves something to be seen, mostly. */
const maybeRevision = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, revision);

/** Objects whose optional fields are there or not, as what comes in has it. */
function optional<T extends object>(model: { [K in keyof T]: fc.Arbitrary<NonNullable<T[K]>> }): fc.Arbitrary<T> {
  return fc.record(model, { requiredKeys: [] }) as unknown as fc.Arbitrary<T>;
}

const keyRange: fc.Arbitrary<KeyRange> = fc.oneof(fc.record({ key }), fc.record({ key, rangeEnd }));

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc
  .tuple(
    keyRange,
    optional<Omit<RangeRequest, 'key' | 'rangeEnd'>>({
      limit: fc.integer({ min: -1, max: 4 }),
      revision: maybeRevision,
      sortTarget: fc.constantFrom('key', 'version', 'create', 'mod', 'value'),
      sortOrder: fc.constantFrom('none', 'ascend', 'descend'),
      keysOnly: fc.boolean(),
      countOnly: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.boolean()),
      minModRevision: maybeRevision,
      maxModRevision: maybeRevision,
      minCreateRevision: maybeRevision,
      maxCreateRevision: maybeRevision,
    }),
  )
  .map(([range, options]) => ({ ...range, ...options }));

const plainPut: fc.Arbitrary<PutRequest> = fc.record({ key, value, lease: maybeLease, prevKv: fc.boolean() });

const keepingPut: fc.Arbitrary<PutRequest> = fc.record({
  key,
  value: fc.constantFrom('', '', 'x'),
  lease: fc.constantFrom('0', '0', '1'),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});

const put = fc.oneof({ weight: 8, arbitrary: plainPut }, keepingPut);

const deleteRange: fc.Arbitrary<DeleteRangeRequest> = fc
  .tuple(keyRange, fc.record({ prevKv: fc.boolean() }))
  .map(([range, options]) => ({ ...range, ...options }));

const comparison: fc.Arbitrary<Compare> = fc
  .tuple(
    keyRange,
    fc.constantFrom('equal' as const, 'greater' as const, 'less' as const, 'not-equal' as const),
    fc.oneof(
      fc.record({
        target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const),
        number: fc.integer({ min: 0, max: 10 }),
      }),
      fc.record({ target: fc.constant('value' as const), value }),
      fc.record({ target: fc.constant('lease' as const), lease: maybeLease }),
    ),
  )
  .map(([range, result, target]) => ({ ...range, result, ...target }));

function operations(nested: fc.Arbitrary<RequestOp>): fc.Arbitrary<RequestOp[]> {
  const op: fc.Arbitrary<RequestOp> = fc.oneof(
    rangeRequest.map((request) => ({ type: 'Range' as const, ...request })),
    put.map((request) => ({ type: 'Put' as const, ...request })),
    deleteRange.map((request) => ({ type: 'DeleteRange' as const, ...request })),
    nested,
  );
  return fc.array(op, { maxLength: 4 });
}

const { txn } = fc.letrec<{ txn: TxnRequest; branch: RequestOp[]; nested: RequestOp }>((tie) => ({
  txn: fc.record({
    compare: fc.array(comparison, { maxLength: 2 }),
    success: tie('branch'),
    failure: tie('branch'),
  }),
  branch: fc.oneof(
    { maxDepth: 2 },
    operations(put.map((request) => ({ type: 'Put', ...request }))),
    operations(tie('nested')),
  ),
  nested: tie('txn').map((request) => ({ type: 'Txn' as const, ...request })),
}));

export { txn };

/** All but authentication and alarms. */
export const command: fc.Arbitrary<KvCommand> = fc.oneof(
  { weight: 6, arbitrary: put.map((request) => ({ type: 'Put' as const, ...request })) },
  { weight: 3, arbitrary: deleteRange.map((request) => ({ type: 'DeleteRange' as const, ...request })) },
  { weight: 5, arbitrary: txn.map((request) => ({ type: 'Txn' as const, ...request })) },
  { weight: 1, arbitrary: revision.map((at) => ({ type: 'Compact' as const, revision: at })) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('LeaseGrant' as const),
      lease: leaseId,
      ttlS: fc.integer({ min: 2, max: 99 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constantFrom('LeaseRevoke' as const, 'LeaseExpire' as const), lease: leaseId }),
  },
);

export const watchRequest: fc.Arbitrary<WatchRequest> = fc
  .tuple(
    keyRange,
    optional<Omit<WatchRequest, 'key' | 'rangeEnd'>>({
      startRevision: revision,
      prevKv: fc.boolean(),
      noPut: fc.boolean(),
      noDelete: fc.boolean(),
    }),
  )
  .map(([range, options]) => ({ ...range, ...options }));
