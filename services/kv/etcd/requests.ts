/** etcd's requests as the store takes them, and back. */
import type {
  Compare,
  DeleteRangeRequest,
  KvError,
  PutRequest,
  RangeRequest,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
  WatchEvent,
} from '../../../shared/domain/kv.ts';
import { noLease } from '../../../shared/domain/kv.ts';
import { isKvError } from './errors.ts';
import {
  CompareTarget,
  EventType,
  type Compare as WireCompare,
  type DeleteRangeRequest as WireDeleteRange,
  type Event as WireEvent,
  type PutRequest as WirePut,
  type RangeRequest as WireRange,
  type RequestOp as WireRequestOp,
  type ResponseOp as WireResponseOp,
  type TxnRequest as WireTxn,
  type TxnResponse as WireTxnResponse,
} from './messages.ts';
import type { Sendable } from './wire/codec.ts';

const sortOrders = ['none', 'ascend', 'descend'] as const;
const sortTargets = ['key', 'version', 'create', 'mod', 'value'] as const;
const compareResults = ['equal', 'greater', 'less', 'not-equal'] as const;

/** What has its default is left out: a request may travel far, and be kept for long. */
export function readRange(wire: WireRange): RangeRequest {
  const request: RangeRequest = { key: wire.key };
  if (wire.rangeEnd !== '') request.rangeEnd = wire.rangeEnd;
  if (wire.limit > 0) request.limit = wire.limit;
  if (wire.revision > 0) request.revision = wire.revision;
  if (wire.sortOrder !== 0) request.sortOrder = sortOrders[wire.sortOrder] ?? 'none';
  if (wire.sortTarget !== 0) request.sortTarget = sortTargets[wire.sortTarget] ?? 'key';
  if (wire.keysOnly) request.keysOnly = true;
  if (wire.countOnly) request.countOnly = true;
  if (wire.minModRevision !== 0) request.minModRevision = wire.minModRevision;
  if (wire.maxModRevision !== 0) request.maxModRevision = wire.maxModRevision;
  if (wire.minCreateRevision !== 0) request.minCreateRevision = wire.minCreateRevision;
  if (wire.maxCreateRevision !== 0) request.maxCreateRevision = wire.maxCreateRevision;
  return request;
}

export function readPut(wire: WirePut): PutRequest {
  const request: PutRequest = { key: wire.key, value: wire.value };
  if (wire.lease !== noLease) request.lease = wire.lease;
  if (wire.prevKv) request.prevKv = true;
  if (wire.ignoreValue) request.ignoreValue = true;
  if (wire.ignoreLease) request.ignoreLease = true;
  return request;
}

export function readDeleteRange(wire: WireDeleteRange): DeleteRangeRequest {
  const request: DeleteRangeRequest = { key: wire.key };
  if (wire.rangeEnd !== '') request.rangeEnd = wire.rangeEnd;
  if (wire.prevKv) request.prevKv = true;
  return request;
}

export function readTxn(wire: WireTxn): TxnRequest | KvError {
  const compare = readAll(wire.compare, readCompare);
  if (isKvError(compare)) return compare;
  const success = readAll(wire.success, readRequestOp);
  if (isKvError(success)) return success;
  const failure = readAll(wire.failure, readRequestOp);
  return isKvError(failure) ? failure : { compare, success, failure };
}

function readAll<Wire, Item extends object>(
  items: readonly Wire[],
  read: (item: Wire) => Item | KvError,
): Item[] | KvError {
  const all: Item[] = [];
  for (const item of items) {
    const result = read(item);
    if (isKvError(result)) return result;
    all.push(result);
  }
  return all;
}

function readRequestOp(wire: WireRequestOp): RequestOp | KvError {
  if (wire.requestRange !== undefined) return { type: 'Range', ...readRange(wire.requestRange) };
  if (wire.requestPut !== undefined) return { type: 'Put', ...readPut(wire.requestPut) };
  if (wire.requestDeleteRange !== undefined)
    return { type: 'DeleteRange', ...readDeleteRange(wire.requestDeleteRange) };
  // etcd's answer to an operation that is none.
  if (wire.requestTxn === undefined) return { code: 'key-not-found' };
  const txn = readTxn(wire.requestTxn);
  return isKvError(txn) ? txn : { type: 'Txn', ...txn };
}

function readCompare(wire: WireCompare): Compare | KvError {
  const result = compareResults[wire.result];
  if (result === undefined) return { code: 'invalid-request', message: `unknown comparison ${wire.result}` };
  const base = wire.rangeEnd === '' ? { key: wire.key, result } : { key: wire.key, rangeEnd: wire.rangeEnd, result };
  switch (wire.target) {
    case CompareTarget.VERSION:
      return { ...base, target: 'version', number: wire.version ?? 0 };
    case CompareTarget.CREATE:
      return { ...base, target: 'create', number: wire.createRevision ?? 0 };
    case CompareTarget.MOD:
      return { ...base, target: 'mod', number: wire.modRevision ?? 0 };
    case CompareTarget.VALUE:
      return { ...base, target: 'value', value: wire.value ?? '' };
    case CompareTarget.LEASE:
      return { ...base, target: 'lease', lease: wire.lease ?? noLease };
    default:
      return { code: 'invalid-request', message: `unknown target ${wire.target} of a comparison` };
  }
}

/**
 * Each response within has a header of its own, as etcd's: the revision that the operation found or made, which is the transaction's
 * from its first write on.
 * @param revision of the store after the transaction.
 */
export function writeTxnResponse(response: TxnResponse, revision: number): Sendable<WireTxnResponse> {
  const progress = { revision: hasWritten(response) ? revision - 1 : revision };
  return writeResponses(response, progress, revision);
}

function writeResponses(
  response: TxnResponse,
  progress: { revision: number },
  last: number,
): Sendable<WireTxnResponse> {
  const responses = response.responses.map((inner) => {
    // A nested transaction counts its own writes, and etcd leaves its header empty.
    if (inner.type === 'Txn') return { responseTxn: { header: {}, ...writeResponses(inner, progress, last) } };
    if (hasWritten({ responses: [inner] })) progress.revision = last;
    return writeResponse(inner, { revision: progress.revision });
  });
  return { succeeded: response.succeeded, responses };
}

function writeResponse(
  response: Exclude<ResponseOp, { type: 'Txn' }>,
  header: { revision: number },
): Sendable<WireResponseOp> {
  switch (response.type) {
    case 'Range':
      return { responseRange: { header, kvs: response.kvs, count: response.count, more: response.more } };
    case 'Put':
      return { responsePut: { header, prevKv: response.prevKv } };
    case 'DeleteRange':
      return { responseDeleteRange: { header, deleted: response.deleted, prevKvs: response.prevKvs } };
  }
}

function hasWritten({ responses }: Pick<TxnResponse, 'responses'>): boolean {
  return responses.some((response) => {
    if (response.type === 'Txn') return hasWritten(response);
    return response.type === 'Put' || (response.type === 'DeleteRange' && response.deleted > 0);
  });
}

export function writeEvent({ type, kv, prevKv }: WatchEvent): Sendable<WireEvent> {
  return { type: type === 'put' ? EventType.PUT : EventType.DELETE, kv, prevKv };
}
