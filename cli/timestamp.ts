/** Moments as people write them: systemd.time(7), "Parsing Timestamps", as `journalctl --since` takes them. */
import { parseTimeSpan } from '../shared/domain/timeSpan.ts';

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'];

/** ms since 1970; null where it is no moment. Local time, unless it says UTC. */
export function parseTimestamp(text: string, now: number): number | null {
  const word = text.trim();
  if (word === 'now') return now;
  return parseEpoch(word) ?? parseRelative(word, now) ?? parseDay(word, now) ?? parseDate(word, now);
}

/** `@1395716396`, seconds. */
function parseEpoch(text: string): number | null {
  const [, seconds] = /^@(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  return seconds === undefined ? null : Number(seconds) * 1000;
}

/** `-1h`, `+5min`, `2h ago`, `3min left`. */
function parseRelative(text: string, now: number): number | null {
  const [, sign, after, span] = /^(?:([+-])|(?=.*\s(ago|left)$))(.*?)(?:\s+(?:ago|left))?$/.exec(text) ?? [];
  if (span === undefined || (sign !== undefined && / (ago|left)$/.test(text))) return null;
  const parsed = parseTimeSpan(span);
  if (!('value' in parsed) || parsed.value === null) return null;
  const isPast = sign === '-' || after === 'ago';
  return isPast ? now - parsed.value : now + parsed.value;
}

const days: Record<string, number> = { yesterday: -1, today: 0, tomorrow: 1 };

/** Midnight of the day. */
function parseDay(text: string, now: number): number | null {
  const offset = Object.hasOwn(days, text) ? days[text] : undefined;
  if (offset === undefined) return null;
  const { year, month, day } = dayOf(now, false);
  return instant({ year, month, day: day + offset }, [0, 0, 0], false);
}

/** `Fri 2012-11-23 11:12:13.5 UTC`: the weekday, one of date and time, the seconds and `UTC` may be missing. */
function parseDate(text: string, now: number): number | null {
  const isUtc = /\s?(UTC|Z)$/.test(text);
  const pattern =
    /^(?:([A-Za-z]+),?\s+)?(?:(\d{2,4})-(\d{1,2})-(\d{1,2}))?(?:(?:^|\s+|T|(?<=[A-Za-z]\s))(\d{1,2}):(\d{1,2})(?::(\d{1,2}(?:\.\d+)?))?)?$/;
  const found = pattern.exec(text.replace(/\s?(UTC|Z)$/, ''));
  if (found === null) return null;
  const [, weekday, year, month, day, hours, minutes, seconds] = found;
  if (year === undefined && hours === undefined) return null;
  const date =
    year === undefined ? dayOf(now, isUtc) : { year: fullYear(year), month: Number(month), day: Number(day) };
  const time = [Number(hours ?? 0), Number(minutes ?? 0), Number(seconds ?? 0)] as const;
  if (time[0] > 23 || time[1] > 59 || time[2] >= 61) return null;
  const at = instant(date, time, isUtc);
  if (at === null || (weekday !== undefined && !isWeekday(weekday, at, isUtc))) return null;
  return at;
}

/** Two digits: from 69 on of the last century, as strptime(3) has it. */
function fullYear(text: string): number {
  const year = Number(text);
  if (text.length > 2) return year;
  return year >= 69 ? 1900 + year : 2000 + year;
}

interface Day {
  year: number;
  /** From 1. */
  month: number;
  day: number;
}

function dayOf(at: number, isUtc: boolean): Day {
  const date = new Date(at);
  if (isUtc) return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
  return { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate() };
}

function instant(
  { year, month, day }: Day,
  [h, m, s]: readonly [number, number, number],
  isUtc: boolean,
): number | null {
  // The 31st of a shorter month is a day of the next one, as for mktime(3); the day after the 31st is tomorrow's.
  if (month < 1 || month > 12 || day > 32) return null;
  const whole = [year, month - 1, day, h, m, Math.floor(s)] as const;
  const at = isUtc ? Date.UTC(...whole) : new Date(...whole).getTime();
  return at + Math.round((s % 1) * 1000);
}

function isWeekday(name: string, at: number, isUtc: boolean): boolean {
  const date = new Date(at);
  const full = weekdays[isUtc ? date.getUTCDay() : date.getDay()] ?? '';
  const typed = name.toLowerCase();
  return typed === full || typed === full.slice(0, 3);
}
