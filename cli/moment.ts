import { parseTimeSpan } from '../shared/domain/timeSpan.ts';
import type { HistoryPoint } from '../shared/protocol/queries.ts';
import { UsageError } from './errors.ts';

/**
 * Reads `1234` (a sequence), `2025-11-23 14:00` (a time: local, unless it says otherwise), or `10m` (a span before
 * `now`, as systemd.time(7) has them).
 * @throws {UsageError} it is none of these.
 */
export function parseMoment(option: string, text: string, now: number): HistoryPoint {
  if (/^\d+$/.test(text)) return { seq: Number(text) };
  const at = parseDate(text) ?? parseSpanAgo(text, now);
  if (at !== null) return { at };
  throw new UsageError(`${option} takes a sequence (1234), a time (2025-11-23 14:00) or a span (10m), not "${text}"`);
}

/** ISO 8601; a date alone is its midnight, here. */
function parseDate(text: string): number | null {
  const date = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}.*))?$/.exec(text);
  if (date === null) return null;
  const at = Date.parse(`${date[1]}T${date[2]?.trim() ?? '00:00'}`);
  return Number.isNaN(at) ? null : at;
}

function parseSpanAgo(text: string, now: number): number | null {
  const span = parseTimeSpan(text.replace(/ ago$/, ''));
  if (!('value' in span)) return null;
  return span.value === null ? 0 : now - span.value;
}
