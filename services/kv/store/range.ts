import type { KeyValue, KvError, RangeRequest, RangeResponse } from '../../../shared/domain/kv.ts';
import { compareBytes, compareKeys } from './bytes.ts';
import { isSingleKey, toInterval } from './interval.ts';
import type { Keyspace } from './keyspace.ts';
import { toKeyValue, type Version } from './version.ts';

type Order = (a: Version, b: Version) => number;

const orders: Record<NonNullable<RangeRequest['sortTarget']>, Order> = {
  key: compareKeys,
  version: (a, b) => a.version - b.version,
  create: (a, b) => a.createRevision - b.createRevision,
  mod: (a, b) => a.modRevision - b.modRevision,
  value: (a, b) => compareBytes(a.value, b.value),
};

/** What may be read is checked against the revision before anything of a transaction runs, hence apart from {@link range}. */
export function checkRevision(keyspace: Keyspace, revision = 0): KvError | null {
  if (revision > keyspace.revision) return { code: 'future-revision' };
  if (revision > 0 && revision < keyspace.compactRevision) return { code: 'compacted' };
  return null;
}

/**
 * Reads a range (etcd, "KV service", Range), within a transaction with the transaction's own changes. Its revision was
 * checked.
 */
export function range(keyspace: Keyspace, request: RangeRequest): RangeResponse {
  const { found, count } = collect(keyspace, request);
  if (request.countOnly) return { kvs: [], count, more: false };
  const wanted = sorted(found, request);
  const limit = limitOf(request);
  const more = wanted.length > limit;
  const kvs = (more ? wanted.slice(0, limit) : wanted).map(toKeyValue);
  return { kvs: request.keysOnly ? kvs.map(withoutValue) : kvs, count, more };
}

/** Everything counts, but only what could be in the answer is kept. */
function collect(keyspace: Keyspace, request: RangeRequest): { found: Version[]; count: number } {
  const most = mostToKeep(request);
  const revision = request.revision !== undefined && request.revision > 0 ? request.revision : null;
  const found: Version[] = [];
  let count = 0;
  visitRange(keyspace, request, revision, (version) => {
    count++;
    if (found.length < most && passes(version, request)) found.push(version);
    // How many there are now is known without looking at them all.
    return revision !== null || found.length < most;
  });
  return { found, count: revision === null ? countNow(keyspace, request) : count };
}

function visitRange(
  keyspace: Keyspace,
  request: RangeRequest,
  revision: number | null,
  visit: (version: Version) => boolean,
): void {
  if (!isSingleKey(request)) return keyspace.scan(toInterval(request), revision, visit);
  const found = revision === null ? keyspace.get(request.key) : keyspace.getAt(request.key, revision);
  if (found !== null) visit(found);
}

function countNow(keyspace: Keyspace, request: RangeRequest): number {
  if (isSingleKey(request)) return keyspace.get(request.key) === null ? 0 : 1;
  return keyspace.count(toInterval(request));
}

/**
 * One more than the limit, which shows that there are more. What is sorted or filtered is cut afterwards; but a target
 * without an order or filters sorts what the limit has left, as etcd does.
 */
function mostToKeep(request: RangeRequest): number {
  if (request.countOnly) return 0;
  const { sortOrder = 'none', sortTarget = 'key' } = request;
  const inKeyOrder = sortTarget === 'key' ? sortOrder !== 'descend' : sortOrder === 'none' && !isFiltered(request);
  return inKeyOrder ? limitOf(request) + 1 : Number.POSITIVE_INFINITY;
}

function isFiltered({ minModRevision, maxModRevision, minCreateRevision, maxCreateRevision }: RangeRequest): boolean {
  return Boolean(minModRevision || maxModRevision || minCreateRevision || maxCreateRevision);
}

function limitOf({ limit = 0 }: RangeRequest): number {
  return limit > 0 ? limit : Number.POSITIVE_INFINITY;
}

function passes(version: Version, request: RangeRequest): boolean {
  return (
    isBetween(version.modRevision, request.minModRevision, request.maxModRevision) &&
    isBetween(version.createRevision, request.minCreateRevision, request.maxCreateRevision)
  );
}

/** 0 is no bound; any other number is, negative ones too. */
function isBetween(revision: number, min = 0, max = 0): boolean {
  return (min === 0 || revision >= min) && (max === 0 || revision <= max);
}

function sorted(found: Version[], { sortOrder = 'none', sortTarget = 'key' }: RangeRequest): Version[] {
  const compare = orders[sortTarget];
  if (sortOrder === 'descend') return found.sort((a, b) => compare(b, a));
  return sortTarget === 'key' ? found : found.sort(compare);
}

function withoutValue(kv: KeyValue): KeyValue {
  return { ...kv, value: '' };
}
