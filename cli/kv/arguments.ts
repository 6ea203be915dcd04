/** How what was typed becomes keys, ranges, revisions and leases. */
import type { Bytes, KeyRange, LeaseId } from '../../shared/domain/kv.ts';
import { bytesOfText, everythingFrom, leaseFromHex, prefixRange } from '../../shared/domain/kvKeys.ts';
import { UsageError } from '../errors.ts';
import type { Options } from '../options.ts';

/**
 * KEY [RANGE-END], `--prefix`, `--from-key`. An empty key means every key with either of them.
 * @throws {UsageError} they do not go together.
 */
export function rangeOf([key = '', rangeEnd]: readonly string[], options: Options): KeyRange {
  const [prefix, fromKey] = [options.flag('prefix'), options.flag('fromKey')];
  if (prefix && fromKey) throw new UsageError('--prefix and --from-key do not go together');
  if (rangeEnd !== undefined && (prefix || fromKey)) {
    throw new UsageError('RANGE-END does not go together with --prefix or --from-key');
  }
  if (prefix) return prefixRange(bytesOfText(key));
  if (fromKey) return { key: bytesOfText(key) || '\0', rangeEnd: everythingFrom };
  if (key === '') throw new UsageError('KEY is empty; every key is meant with --prefix');
  return { key: bytesOfText(key), ...(rangeEnd === undefined ? {} : { rangeEnd: bytesOfText(rangeEnd) }) };
}

/** @throws {UsageError} it is empty. */
export function keyOf(text: string | undefined): Bytes {
  if (!text) throw new UsageError('KEY is empty');
  return bytesOfText(text);
}

/** @throws {UsageError} it is no lease in hexadecimal. */
export function leaseOf(text: string): LeaseId {
  const lease = leaseFromHex(text);
  if (lease !== null) return lease;
  throw new UsageError(`"${text}" is no lease: leases are hexadecimal, such as 32695410dcc0ca06`);
}

/** @throws {UsageError} */
export function wholeNumber(text: string | undefined, what: string, { min }: { min: number }): number {
  const number = text !== undefined && /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw new UsageError(`${what} is a whole number from ${min} on, not "${text ?? ''}"`);
}

/** `--rev`. */
export function revisionOf(options: Options): { revision?: number } {
  const revision = options.count('rev', { min: 0, max: Number.MAX_SAFE_INTEGER });
  return revision === undefined ? {} : { revision };
}

/** `--ttl`, in seconds. */
export function ttlOf(options: Options): number {
  return options.count('ttl', { min: 1, max: 1_000_000_000 }) ?? 10;
}
