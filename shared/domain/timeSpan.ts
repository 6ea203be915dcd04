/** Time spans as systemd.time(7) has them: `5min 20s`, `1.5h`, a bare number in seconds, `infinity`. */
import type { Parsed } from './values.ts';

const second = 1_000_000n;
const day = 86_400n * second;

/** Longer names first: `min` must not be read as `m`. In microseconds; a month is 30.44 days, a year 365.25. */
const units: readonly (readonly [name: string, usec: bigint])[] = [
  ['seconds', second],
  ['second', second],
  ['sec', second],
  ['s', second],
  ['minutes', 60n * second],
  ['minute', 60n * second],
  ['min', 60n * second],
  ['months', 2_629_800n * second],
  ['month', 2_629_800n * second],
  ['msec', 1000n],
  ['ms', 1000n],
  ['m', 60n * second],
  ['M', 2_629_800n * second],
  ['hours', 3600n * second],
  ['hour', 3600n * second],
  ['hr', 3600n * second],
  ['h', 3600n * second],
  ['days', day],
  ['day', day],
  ['d', day],
  ['weeks', 7n * day],
  ['week', 7n * day],
  ['w', 7n * day],
  ['years', 31_557_600n * second],
  ['year', 31_557_600n * second],
  ['y', 31_557_600n * second],
  ['usec', 1n],
  ['us', 1n],
  ['µs', 1n],
  ['μs', 1n],
];
const infinity = 2n ** 64n - 1n;
const longestNumber = 2n ** 63n - 1n;
const notASpan = { error: 'is no time span, such as 90, 5min 20s or infinity' };
const blanks = /[ \t\r\n]*/y;
const number = /\+?(\d+)|(?=\.\d)/y;

/** Milliseconds (fractions are microseconds), or null for infinity. */
export function parseTimeSpan(text: string): Parsed<number | null> {
  const usec = parseMicroseconds(text);
  if (usec === null) return notASpan;
  return { value: usec === 'infinity' ? null : Number(usec) / 1000 };
}

/** The span exactly; null where the text is none. */
export function parseMicroseconds(text: string): bigint | 'infinity' | null {
  if (/^[ \t\r\n]*infinity[ \t\r\n]*$/.test(text)) return 'infinity';
  let total = 0n;
  let at = skip(text, 0);
  if (at === text.length) return null;
  while (at < text.length) {
    const part = readPart(text, at);
    if (part === null) return null;
    total += part.usec;
    if (total >= infinity) return null;
    at = skip(text, part.end);
  }
  return total;
}

/** One number and its unit. Without unit it is seconds, and must end with a blank or the text: `1.5.5` is nothing. */
function readPart(text: string, start: number): { usec: bigint; end: number } | null {
  number.lastIndex = start;
  const match = number.exec(text);
  if (match === null) return null;
  const whole = BigInt(match[1] ?? 0);
  const fraction = readFraction(text, number.lastIndex);
  if (fraction === null || whole > longestNumber) return null;
  const afterBlanks = skip(text, fraction.end);
  const unit = units.find(([name]) => text.startsWith(name, afterBlanks));
  const end = afterBlanks + (unit?.[0].length ?? 0);
  if (end === fraction.end && end < text.length) return null;
  const usecPerUnit = unit?.[1] ?? second;
  if (whole >= infinity / usecPerUnit) return null;
  return { usec: whole * usecPerUnit + fractionOf(usecPerUnit, fraction.digits), end };
}

function readFraction(text: string, at: number): { digits: string; end: number } | null {
  if (text[at] !== '.') return { digits: '', end: at };
  const [digits = ''] = /^\d{0,32}/.exec(text.slice(at + 1, at + 33)) ?? [];
  let end = at + 1 + digits.length;
  while (/\d/.test(text[end] ?? '')) end += 1;
  return digits === '' ? null : { digits, end };
}

/** Digit by digit, each weight rounded down to a microsecond: systemd adds it up so, and small units show it. */
function fractionOf(usecPerUnit: bigint, digits: string): bigint {
  let sum = 0n;
  let weight = usecPerUnit / 10n;
  for (const digit of digits) {
    sum += BigInt(digit) * weight;
    weight /= 10n;
  }
  return sum;
}

function skip(text: string, at: number): number {
  blanks.lastIndex = at;
  blanks.exec(text);
  return blanks.lastIndex;
}
