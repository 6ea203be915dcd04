/** What `get`, `put` and `del` ask for, as verbs and as lines of a transaction. */
import type { Bytes, DeleteRangeRequest, PutRequest, RangeRequest, SortTarget } from '../../shared/domain/kv.ts';
import { bytesOfText } from '../../shared/domain/kvKeys.ts';
import { UsageError } from '../errors.ts';
import type { Options } from '../options.ts';
import { keyOf, leaseOf, rangeOf, revisionOf } from './arguments.ts';

const sortTargets: Record<string, SortTarget> = {
  key: 'key',
  create: 'create',
  modify: 'mod',
  version: 'version',
  value: 'value',
};

/** @throws {UsageError} */
export function getRequest(args: readonly string[], options: Options): RangeRequest {
  const request: RangeRequest = {
    ...rangeOf(args, options),
    ...revisionOf(options),
    ...sortingOf(options),
    limit: options.count('limit', { min: 0, max: Number.MAX_SAFE_INTEGER }) ?? 0,
    keysOnly: options.flag('keysOnly'),
    countOnly: options.flag('countOnly'),
  };
  if (request.keysOnly && options.flag('printValueOnly')) {
    throw new UsageError('--keys-only and --print-value-only do not go together');
  }
  return request;
}

function sortingOf(options: Options): Pick<RangeRequest, 'sortTarget' | 'sortOrder'> {
  const target = sortTargets[options.word('sortBy', Object.keys(sortTargets)) ?? ''];
  const order = options.word('order', ['ascend', 'descend']);
  return {
    ...(target ? { sortTarget: target } : {}),
    ...(target || order ? { sortOrder: order ?? 'ascend' } : {}),
  };
}

/** `value` null: none was typed, and none is to be kept; it comes from elsewhere. */
export type WishedPut = Omit<PutRequest, 'value'> & { value: Bytes | null };

/** @throws {UsageError} */
export function putRequest([key, value]: readonly string[], options: Options): WishedPut {
  const lease = options.text('lease');
  const ignoreValue = options.flag('ignoreValue');
  if (ignoreValue && value !== undefined) throw new UsageError('--ignore-value keeps the value: give none');
  return {
    key: keyOf(key),
    value: ignoreValue ? '' : value === undefined ? null : bytesOfText(value),
    prevKv: options.flag('prevKv'),
    ignoreValue,
    ignoreLease: options.flag('ignoreLease'),
    ...(lease === undefined ? {} : { lease: leaseOf(lease) }),
  };
}

/** @throws {UsageError} */
export function deleteRequest(args: readonly string[], options: Options): DeleteRangeRequest {
  return { ...rangeOf(args, options), prevKv: options.flag('prevKv') };
}
