/** When a calendar expression elapses: systemd.time(7). Clocks and time zones are told, none is read. */
import { bounds, type CalendarComponent, type CalendarField, type CalendarSpec } from './calendar.ts';
import { endOfGap, instantsOf, type WallTime, wallTimeAt } from './timeZone.ts';

/**
 * The first time after an instant that the expression elapses, both in microseconds since 1970; null: never again.
 * `localZone` is the zone of expressions that name none.
 *
 * It follows the clock on the wall, as systemd does: what a clock that is put forward jumps over does not elapse, and
 * what it shows twice elapses the first time.
 */
export function nextElapse(spec: CalendarSpec, afterUsec: number, localZone: string): number | null {
  const zone = spec.zone ?? localZone;
  let wall: WallTime | null = wallTimeAt(afterUsec + 1, zone);
  while (true) {
    wall = firstMatch(spec, wall);
    if (wall === null) return null;
    const instants = instantsOf(wall, zone);
    const next = instants.find((usec) => usec > afterUsec);
    if (next !== undefined) return next;
    wall = instants.length === 0 ? endOfGap(wall, zone) : wall + 1;
  }
}

/** What a clock shows, from the year down; the last one is the microsecond of the minute. */
type Reading = [year: number, month: number, day: number, hour: number, minute: number, microsecond: number];

const fieldNames: readonly CalendarField[] = ['year', 'month', 'day', 'hour', 'minute', 'microsecond'];
const weekdayField = 2;

/** The first wall time from this one on that the expression names. */
function firstMatch(spec: CalendarSpec, from: WallTime): WallTime | null {
  const reading = readingOf(from);
  let level = 0;
  while (level < fieldNames.length) {
    const now = reading[level] ?? 0;
    const next = nextValue(spec, level, reading);
    if (next === null) {
      // This field is through: the one above goes on by one.
      if (level === 0) return null;
      level -= 1;
      advance(reading, level, (reading[level] ?? 0) + 1);
      continue;
    }
    if (next > now) advance(reading, level, next);
    if (level === weekdayField && !isOnWeekday(spec, reading)) advance(reading, level, (reading[level] ?? 0) + 1);
    else level += 1;
  }
  return wallTimeOf(reading);
}

/** Sets a field; those below begin anew. */
function advance(reading: Reading, level: number, value: number): void {
  reading[level] = value;
  for (let below = level + 1; below < fieldNames.length; below += 1) {
    reading[below] = bounds[fieldNames[below] ?? 'hour'][0];
  }
}

/** The first value of a field from its present one on that the expression names, if it comes before the field ends. */
function nextValue(spec: CalendarSpec, level: number, reading: Reading): number | null {
  const field = fieldNames[level] ?? 'year';
  const now = reading[level] ?? 0;
  const last = field === 'day' ? daysIn(reading) : bounds[field][1];
  const written = spec.fields[field];
  if (written.length === 0) return now <= last ? now : null;
  const components = field === 'day' && spec.fromMonthEnd ? written.map((each) => fromFirst(each, last)) : written;
  const found = components.map((component) => valueFrom(component, now)).filter((value) => value !== null);
  const next = Math.min(...found);
  return next <= last ? next : null;
}

/** Days counted from the month's last one as days of the month. */
function fromFirst({ start, stop, step }: CalendarComponent, days: number): CalendarComponent {
  const [first, last] = [days + 1 - start, stop === null ? null : days + 1 - stop];
  return last === null ? { start: first, stop: null, step } : { start: last, stop: first, step };
}

function valueFrom({ start, stop, step }: CalendarComponent, now: number): number | null {
  if (start >= now) return start;
  if (step === 0) return null;
  const value = start + Math.ceil((now - start) / step) * step;
  return stop === null || value <= stop ? value : null;
}

function daysIn([year, month]: Reading): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function isOnWeekday({ weekdays }: CalendarSpec, [year, month, day]: Reading): boolean {
  if (weekdays === null) return true;
  const fromMonday = (new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 6) % 7;
  return (weekdays & (1 << fromMonday)) !== 0;
}

const usecPerMinute = 60_000_000;

function readingOf(wall: WallTime): Reading {
  const date = new Date(Math.floor(wall / usecPerMinute) * 60_000);
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth() + 1, date.getUTCDate()];
  const microsecond = ((wall % usecPerMinute) + usecPerMinute) % usecPerMinute;
  return [year, month, day, date.getUTCHours(), date.getUTCMinutes(), microsecond];
}

function wallTimeOf([year, month, day, hour, minute, microsecond]: Reading): WallTime {
  return Date.UTC(year, month - 1, day, hour, minute) * 1000 + microsecond;
}
