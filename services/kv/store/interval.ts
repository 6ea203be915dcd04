import type { Bytes, KeyRange } from '../../../shared/domain/kv.ts';

/** The keys of [from, to); `to` null: all from `from` on. */
export interface Interval {
  readonly from: Bytes;
  readonly to: Bytes | null;
}

/** What a {@link KeyRange.rangeEnd} says that has no end. */
const openEnd: Bytes = '\0';

/** A range that names one key has no end, or an empty one as protobuf has it. */
export function isSingleKey(range: KeyRange): boolean {
  return !range.rangeEnd;
}

export function isOpenEnded(range: KeyRange): boolean {
  return range.rangeEnd === openEnd;
}

/** `key` and `\0` is the first key after `key`, so that one key is an interval as well. */
export function toInterval(range: KeyRange): Interval {
  if (!range.rangeEnd) return { from: range.key, to: range.key + openEnd };
  return { from: range.key, to: isOpenEnded(range) ? null : range.rangeEnd };
}

export function containsKey(interval: Interval, key: Bytes): boolean {
  return key >= interval.from && (interval.to === null || key < interval.to);
}

/** Whether `a` ends before `b`, or at the same key. */
export function endsBy(a: Bytes | null, b: Bytes | null): boolean {
  return b === null || (a !== null && a <= b);
}
