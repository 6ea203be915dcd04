import type { Compare } from '../../../shared/domain/kv.ts';
import { compareBytes } from './bytes.ts';
import { isSingleKey, toInterval } from './interval.ts';
import type { Keyspace } from './keyspace.ts';
import { compareLeases } from './leaseTable.ts';
import { tombstone, type Version } from './version.ts';

/**
 * Whether the comparison holds for what is there now: for every key of a range, and where there is none, for a key whose
 * numbers are all 0 (etcd, "KV service", Txn).
 */
export function holds(keyspace: Keyspace, compare: Compare): boolean {
  let any = false;
  let all = true;
  visitCompared(keyspace, compare, (version) => {
    any = true;
    all = holdsFor(version, compare);
    return all;
  });
  return any ? all : holdsForMissing(compare);
}

function visitCompared(keyspace: Keyspace, compare: Compare, visit: (version: Version) => boolean): void {
  if (!isSingleKey(compare)) return keyspace.scan(toInterval(compare), null, visit);
  const version = keyspace.get(compare.key);
  if (version !== null) visit(version);
}

/** An absent value could not be told from an empty one, so nothing is true of it. */
function holdsForMissing(compare: Compare): boolean {
  return compare.target !== 'value' && holdsFor(tombstone(compare.key, 0, 0), compare);
}

function holdsFor(version: Version, compare: Compare): boolean {
  const difference = differenceOf(version, compare);
  switch (compare.result) {
    case 'equal':
      return difference === 0;
    case 'not-equal':
      return difference !== 0;
    case 'greater':
      return difference > 0;
    case 'less':
      return difference < 0;
  }
}

function differenceOf(version: Version, compare: Compare): number {
  switch (compare.target) {
    case 'version':
      return version.version - compare.number;
    case 'create':
      return version.createRevision - compare.number;
    case 'mod':
      return version.modRevision - compare.number;
    case 'lease':
      return compareLeases(version.lease, compare.lease);
    case 'value':
      return compareBytes(version.value, compare.value);
  }
}
