/** Operations to compare two servers by, generated. Revisions are meant from now on backwards, as only then they exist. */
import fc from 'fast-check';
import type { Compare, DeleteRangeRequest, PutRequest, RangeRequest } from '../messages.ts';
import type { Sendable } from '../wire/codec.ts';

/** `back`: how many revisions before the current one; below 0: after it. */
export type Operation =
  | { type: 'put'; request: Sendable<PutRequest> }
  | { type: 'delete'; request: Sendable<DeleteRangeRequest> }
  | { type: 'range'; request: Sendable<RangeRequest>; back: number | null }
  | { type: 'txn'; txn: Txn }
  | { type: 'compact'; back: number }
  | { type: 'grant'; ID: string; TTL: number }
  | { type: 'revoke' | 'renew' | 'timeToLive'; ID: string }
  | { type: 'leases' }
  | { type: 'watch'; key: string; rangeEnd: string; back: number | null; prevKv: boolean; filter: 0 | 1 | null };

export interface Txn {
  compare: Sendable<Compare>[];
  success: TxnOperation[];
  failure: TxnOperation[];
}

export type TxnOperation =
  | Extract<Operation, { type: 'put' | 'delete' | 'range' }>
  | { type: 'txn'; txn: Txn }
  /** An operation that is none. */
  | { type: 'none' };

const key = fc.constantFrom('a', 'b', 'c', 'aa', 'ab', 'b\0', 'a\xff', '\xff', '\xff\xff', 'k/1', 'k/2', 'k/3');
const anyKey = fc.oneof({ weight: 30, arbitrary: key }, { weight: 1, arbitrary: fc.constant('') });
const rangeEnd = fc.oneof(
  { weight: 4, arbitrary: fc.constant('') },
  { weight: 2, arbitrary: fc.constantFrom('\0', 'b', 'c', 'k0', 'd', '\xff') },
  { weight: 1, arbitrary: key },
);
const keyRange = fc.record({ key: anyKey, rangeEnd });
const value = fc.oneof(
  fc.constantFrom('', 'v', 'w', '\xff\xfe\0', 'longer value'),
  fc.string({ maxLength: 3, unit: 'binary-ascii' }),
);
const leaseId = fc.constantFrom('1', '2', '3', '7587848391201828864', '9223372036854775807');
const maybeLease = fc.oneof({ weight: 5, arbitrary: fc.constant('0') }, { weight: 2, arbitrary: leaseId });
const rarely = fc.oneof({ weight: 8, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const back = fc.oneof(fc.nat(12), fc.constantFrom(-1, 0, 1));

const put: fc.Arbitrary<Extract<Operation, { type: 'put' }>> = fc
  .record({ key: anyKey, value, lease: maybeLease, prevKv: fc.boolean(), ignoreValue: rarely, ignoreLease: rarely })
  .map((request) => ({ type: 'put', request }));

const remove: fc.Arbitrary<Extract<Operation, { type: 'delete' }>> = fc
  .record({ key: anyKey, rangeEnd, prevKv: fc.boolean() })
  .map((request) => ({ type: 'delete', request }));

/**
 * Within a transaction etcd takes `\0`, the end of all keys, for the smallest key when it looks for keys that are written twice, and
 * lets such a deletion overlap with a put. We refuse it.
 */
const removeInTxn = remove.filter(({ request }) => request.rangeEnd !== '\0');

const bound = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 200 }) },
);
const rangeRequest: fc.Arbitrary<Sendable<RangeRequest>> = fc
  .record({
    bounds: keyRange,
    limit: fc.constantFrom(0, 0, 1, 2, 5),
    sortOrder: fc.constantFrom(0, 0, 1, 2),
    sortTarget: fc.constantFrom(0, 1, 2, 3, 4),
    keysOnly: rarely,
    countOnly: rarely,
    serializable: fc.boolean(),
    minModRevision: bound,
    maxModRevision: bound,
    minCreateRevision: bound,
    maxCreateRevision: bound,
  })
  .map(({ bounds, ...rest }) => ({ ...bounds, ...rest }));

const range: fc.Arbitrary<Extract<Operation, { type: 'range' }>> = fc
  .record({ request: rangeRequest, back: fc.option(back) })
  .map((fields) => ({ type: 'range', ...fields }));

const number = fc.oneof(fc.nat(3), fc.nat(200));
const union: fc.Arbitrary<Sendable<Compare>> = fc.oneof(
  number.map((version) => ({ target: 0, version })),
  number.map((createRevision) => ({ target: 1, createRevision })),
  number.map((modRevision) => ({ target: 2, modRevision })),
  value.map((given) => ({ target: 3, value: given })),
  maybeLease.map((lease) => ({ target: 4, lease })),
  fc.constantFrom(0, 1, 2, 3, 4).map((target) => ({ target })),
);
const compare: fc.Arbitrary<Sendable<Compare>> = fc
  .record({
    bounds: fc.oneof(
      anyKey.map((only) => ({ key: only })),
      keyRange,
    ),
    result: fc.constantFrom(0, 1, 2, 3),
    union,
  })
  .map((fields) => ({ ...fields.bounds, result: fields.result, ...fields.union }));

const { txn } = fc.letrec<{ txn: Txn; operation: TxnOperation }>((tie) => ({
  operation: fc.oneof({ depthSize: 'small', withCrossShrink: true }, put, removeInTxn, range, {
    weight: 1,
    arbitrary: tie('txn').map((inner) => ({ type: 'txn' as const, txn: inner })),
  }),
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('operation'), { maxLength: 4 }),
    failure: fc.array(tie('operation'), { maxLength: 4 }),
  }),
}));

/** Transactions that have to be refused for what they are. */
const badTxn: fc.Arbitrary<Txn> = fc.oneof(
  fc.constantFrom(127, 128, 129).map((length) => ({ compare: [], success: gets(length), failure: [] })),
  fc.constantFrom(1, 64, 127, 128).map((length) => ({
    compare: [],
    success: [{ type: 'txn' as const, txn: { compare: [], success: gets(length), failure: [] } }],
    failure: gets(2),
  })),
  fc.constant<Txn>({ compare: [], success: [{ type: 'none' }], failure: [] }),
);

function gets(length: number): TxnOperation[] {
  return Array.from({ length }, () => ({ type: 'range', request: { key: 'a' }, back: null }));
}

const watch: fc.Arbitrary<Extract<Operation, { type: 'watch' }>> = fc.record({
  type: fc.constant('watch' as const),
  key,
  rangeEnd,
  back: fc.option<number>(back),
  prevKv: fc.boolean(),
  filter: fc.constantFrom(null, null, 0 as const, 1 as const),
});

const ofLease = fc
  .record({ type: fc.constantFrom('revoke' as const, 'renew' as const, 'timeToLive' as const), ID: leaseId })
  .map((operation): Operation => operation);

export const operations: fc.Arbitrary<Operation[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: put },
    { weight: 3, arbitrary: remove },
    { weight: 8, arbitrary: range },
    { weight: 6, arbitrary: txn.map((made): Operation => ({ type: 'txn', txn: made })) },
    { weight: 1, arbitrary: badTxn.map((made): Operation => ({ type: 'txn', txn: made })) },
    { weight: 1, arbitrary: back.map((steps): Operation => ({ type: 'compact', back: steps })) },
    {
      weight: 2,
      arbitrary: fc
        .record({ ID: leaseId, TTL: fc.constantFrom(0, -5, 1, 300, 600, 9_000_000_000, 9_000_000_001) })
        // A lease that ends while the test runs would end at another moment at the other server.
        .map(({ ID, TTL }): Operation => ({ type: 'grant', ID, TTL: TTL > 2 ? TTL : 300 })),
    },
    { weight: 2, arbitrary: ofLease },
    { weight: 1, arbitrary: fc.constant<Operation>({ type: 'leases' }) },
    { weight: 3, arbitrary: watch },
  ),
  { minLength: 5, maxLength: 60 },
);
