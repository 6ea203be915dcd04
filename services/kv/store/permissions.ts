import type { Permission } from '../../../shared/domain/kv.ts';
import { compareBytes } from './bytes.ts';
import { endsBy, type Interval, toInterval } from './interval.ts';

/** The keys that somebody may read, and may write: intervals in order that neither overlap nor touch. */
export interface Coverage {
  readonly read: readonly Interval[];
  readonly write: readonly Interval[];
}

export function coverageOf(permissions: readonly Permission[]): Coverage {
  const allowing = (access: Permission['access']) =>
    permissions.filter((permission) => permission.access === access || permission.access === 'readwrite');
  return { read: union(allowing('read')), write: union(allowing('write')) };
}

/** Whether every key of `wanted` is in one of `allowed`; they do not touch, so it has to be one alone. */
export function covers(allowed: readonly Interval[], wanted: Interval): boolean {
  return allowed.some(({ from, to }) => from <= wanted.from && endsBy(wanted.to, to));
}

function union(permissions: readonly Permission[]): Interval[] {
  const result: Interval[] = [];
  const intervals = permissions.map(toInterval).filter(({ from, to }) => to === null || from < to);
  for (const next of intervals.sort((a, b) => compareBytes(a.from, b.from))) {
    const last = result[result.length - 1];
    if (last === undefined || (last.to !== null && last.to < next.from)) result.push(next);
    else if (!endsBy(next.to, last.to)) result[result.length - 1] = { from: last.from, to: next.to };
  }
  return result;
}
