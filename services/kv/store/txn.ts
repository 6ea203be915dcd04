import {
  type Bytes,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type KvError,
  noLease,
  type PutRequest,
  type PutResponse,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from '../../../shared/domain/kv.ts';
import { holds } from './compare.ts';
import { isSingleKey, toInterval } from './interval.ts';
import type { Keyspace } from './keyspace.ts';
import { isNoLease, type LeaseTable } from './leaseTable.ts';
import { checkRevision, range } from './range.ts';
import { toKeyValue, type Version } from './version.ts';

/** What a transaction and its parts work on. */
export interface Data {
  readonly keyspace: Keyspace;
  readonly leases: LeaseTable;
}

/** A transaction whose comparisons were made: what will run. */
interface Plan {
  succeeded: boolean;
  steps: (Exclude<RequestOp, { type: 'Txn' }> | { type: 'Plan'; plan: Plan })[];
}

/**
 * Runs a transaction that `checkTxn` has found in order: all comparisons, then everything that may be refused, then the
 * operations, which therefore run all or none. The changes are not committed yet.
 */
export function executeTxn(data: Data, txn: TxnRequest): TxnResponse | KvError {
  const plan = planOf(data.keyspace, txn);
  return checkPuts(data, plan) ?? checkRanges(data, plan) ?? run(data, plan);
}

export function executePut(data: Data, put: PutRequest): PutResponse | KvError {
  // etcd has these the other way round in a transaction.
  return checkLease(data, put) ?? checkKept(data, put) ?? runPut(data, put);
}

export function deleteRange({ keyspace, leases }: Data, request: DeleteRangeRequest): DeleteRangeResponse {
  const doomed = versionsIn(keyspace, request);
  for (const { key, lease } of doomed) {
    keyspace.delete(key);
    leases.move(key, lease, noLease);
  }
  return { deleted: doomed.length, prevKvs: request.prevKv ? doomed.map(toKeyValue) : [] };
}

/** Deletes those of the keys that are there. */
export function deleteKeys(data: Data, keys: readonly Bytes[]): void {
  for (const key of keys) deleteRange(data, { key });
}

function planOf(keyspace: Keyspace, txn: TxnRequest): Plan {
  const succeeded = txn.compare.every((compare) => holds(keyspace, compare));
  const operations = succeeded ? txn.success : txn.failure;
  const steps = operations.map((op) =>
    op.type === 'Txn' ? { type: 'Plan' as const, plan: planOf(keyspace, op) } : op,
  );
  return { succeeded, steps };
}

function checkPuts(data: Data, plan: Plan): KvError | null {
  for (const step of plan.steps) {
    let problem: KvError | null = null;
    if (step.type === 'Put') problem = checkKept(data, step) ?? checkLease(data, step);
    if (step.type === 'Plan') problem = checkPuts(data, step.plan);
    if (problem !== null) return problem;
  }
  return null;
}

function checkRanges(data: Data, plan: Plan): KvError | null {
  for (const step of plan.steps) {
    let problem: KvError | null = null;
    if (step.type === 'Range') problem = checkRevision(data.keyspace, step.revision);
    if (step.type === 'Plan') problem = checkRanges(data, step.plan);
    if (problem !== null) return problem;
  }
  return null;
}

function checkKept({ keyspace }: Data, put: PutRequest): KvError | null {
  const keeps = put.ignoreValue || put.ignoreLease;
  return keeps && keyspace.get(put.key) === null ? { code: 'key-not-found' } : null;
}

function checkLease({ leases }: Data, { lease }: PutRequest): KvError | null {
  return lease === undefined || isNoLease(lease) || leases.has(lease) ? null : { code: 'lease-not-found' };
}

function run(data: Data, { succeeded, steps }: Plan): TxnResponse {
  return { succeeded, responses: steps.map((step) => runStep(data, step)) };
}

function runStep(data: Data, step: Plan['steps'][number]): ResponseOp {
  switch (step.type) {
    case 'Range':
      return { type: 'Range', ...range(data.keyspace, step) };
    case 'Put':
      return { type: 'Put', ...runPut(data, step) };
    case 'DeleteRange':
      return { type: 'DeleteRange', ...deleteRange(data, step) };
    case 'Plan':
      return { type: 'Txn', ...run(data, step.plan) };
  }
}

function runPut({ keyspace, leases }: Data, put: PutRequest): PutResponse {
  const old = put.ignoreValue || put.ignoreLease ? keyspace.get(put.key) : null;
  const value = put.ignoreValue && old !== null ? old.value : put.value;
  const lease = put.ignoreLease && old !== null ? old.lease : leases.canonical(put.lease);
  const { previous, made } = keyspace.put(put.key, value, lease);
  leases.move(made.key, previous?.lease ?? noLease, lease);
  return put.prevKv && previous !== null ? { prevKv: toKeyValue(previous) } : {};
}

function versionsIn(keyspace: Keyspace, request: DeleteRangeRequest): Version[] {
  if (isSingleKey(request)) {
    const version = keyspace.get(request.key);
    return version === null ? [] : [version];
  }
  const found: Version[] = [];
  keyspace.scan(toInterval(request), null, (version) => found.push(version) > 0);
  return found;
}
