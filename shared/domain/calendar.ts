/**
 * Calendar expressions: `Mon..Fri *-*-* 09:30 Europe/Berlin`, `quarterly`, `*-*~07/1`. Syntax and normal form:
 * systemd.time(7), "Calendar events"; `systemd-analyze calendar` is the judge. When one elapses: `calendarNext.ts`.
 */
import { isTimeZone } from './timeZone.ts';
import type { Parsed } from './values.ts';

export interface CalendarSpec {
  /** Bit 0 is Monday; null: any day. */
  weekdays: number | null;
  /** Days are counted from the end of the month: 1 is the last one. */
  fromMonthEnd: boolean;
  /** `UTC`, a name of the time zone database, or null for the machine's own. */
  zone: string | null;
  fields: Record<CalendarField, CalendarComponent[]>;
}

export type CalendarField = 'year' | 'month' | 'day' | 'hour' | 'minute' | 'microsecond';

/** One entry of a list; no entry at all is `*`. Seconds are microseconds of the minute. */
export interface CalendarComponent {
  start: number;
  /** null: no end of its own. */
  stop: number | null;
  /** Step from `start` on; 0: `start` alone. */
  step: number;
}

const usecPerSecond = 1_000_000;

/** What the values of a field may be. Years after the last one are never reached. */
export const bounds: Record<CalendarField, readonly [first: number, last: number]> = {
  year: [1970, 2199],
  month: [1, 12],
  day: [1, 31],
  hour: [0, 23],
  minute: [0, 59],
  microsecond: [0, 60 * usecPerSecond - 1],
};

const shorthands: Record<string, string> = {
  minutely: '*-*-* *:*:00',
  hourly: '*-*-* *:00:00',
  daily: '*-*-* 00:00:00',
  weekly: 'Mon *-*-* 00:00:00',
  monthly: '*-*-01 00:00:00',
  quarterly: '*-01,04,07,10-01 00:00:00',
  semiannually: '*-01,07-01 00:00:00',
  'semi-annually': '*-01,07-01 00:00:00',
  biannually: '*-01,07-01 00:00:00',
  'bi-annually': '*-01,07-01 00:00:00',
  yearly: '*-01-01 00:00:00',
  annually: '*-01-01 00:00:00',
  anually: '*-01-01 00:00:00',
};

const weekdayNames = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'];
const everyDay = 0b1111111;
const longestList = 240;

/** The expression, or why the text is none and at which character. */
export function parseCalendar(text: string): Parsed<CalendarSpec> {
  const { rest, zone } = splitZone(text);
  const reader = new Reader(shorthands[rest.toLowerCase()] ?? rest);
  const spec = reader.expression(zone);
  if (spec !== null) return { value: spec };
  const { message, at } = reader.problem;
  return { error: `is no calendar event: ${message} (character ${at + 1})` };
}

function splitZone(text: string): { rest: string; zone: string | null } {
  const space = text.lastIndexOf(' ');
  const word = text.slice(space + 1);
  if (space < 0) return { rest: text, zone: null };
  if (word.toUpperCase() === 'UTC') return { rest: text.slice(0, space), zone: 'UTC' };
  return isTimeZone(word) ? { rest: text.slice(0, space), zone: word } : { rest: text, zone: null };
}

/** Reads from left to right; the first thing that is wrong stays {@link problem}, and everything after it is null. */
class Reader {
  problem = { message: 'nothing is said', at: 0 };
  readonly #text: string;
  #at = 0;
  #failed = false;

  constructor(text: string) {
    this.#text = text;
  }

  expression(zone: string | null): CalendarSpec | null {
    if (this.#text === '') return this.#fail('nothing is said');
    const days = this.#weekdays();
    const date = days === null ? null : this.#date();
    if (days === null || date === null) return null;
    const time = date.time ?? this.#time();
    if (time === null) return null;
    const weekdays = days === 0 || days === everyDay ? null : days;
    const fields = { ...date.fields, ...time };
    const fromMonthEnd = date.fromMonthEnd && fields.day.length > 0;
    return { weekdays, fromMonthEnd, zone: date.time ? 'UTC' : zone, fields };
  }

  /** Bits; 0 where none is said. */
  #weekdays(): number | null {
    let bits = 0;
    let from: number | null = null;
    for (let first = true; ; first = false) {
      const day = this.#weekday();
      if (day === null && first) return 0;
      if (day === null) return this.#fail('a weekday is expected, such as Mon');
      if (!/^(?:$|[-., ])/.test(this.#rest())) return this.#fail('a weekday goes on strangely');
      if (from !== null && from > day) return this.#fail('the range of weekdays runs backwards');
      for (let each = from ?? day; each <= day; each += 1) bits |= 1 << each;
      const wasRange = from !== null;
      from = null;
      if (this.#take('..') || this.#take('-')) {
        if (wasRange) return this.#fail('a range of weekdays has two ends');
        from = day;
      } else if (this.#rest().startsWith('.')) return this.#fail('a range is written with two dots');
      else if (!this.#take(',')) break;
      if (from === null && /^(?:$| )/.test(this.#rest())) break;
    }
    this.#skipSpaces();
    return bits;
  }

  #weekday(): number | null {
    const rest = this.#rest().toLowerCase();
    const day = weekdayNames.findIndex((name) => rest.startsWith(name.slice(0, 3).toLowerCase()));
    const name = weekdayNames[day]?.toLowerCase();
    if (name === undefined) return null;
    this.#at += rest.startsWith(name) ? name.length : 3;
    return day;
  }

  /** Ahead of a time alone it is every day; `@seconds` brings its time along. */
  #date(): {
    fields: Pick<CalendarSpec['fields'], 'year' | 'month' | 'day'>;
    fromMonthEnd: boolean;
    time?: Time;
  } | null {
    const everyDate = { fields: { year: [], month: [], day: [] }, fromMonthEnd: false };
    if (this.#rest() === '') return everyDate;
    if (this.#take('@')) return this.#timestamp();
    const begin = this.#at;
    const parts: CalendarComponent[][] = [];
    const starts: number[] = [];
    let fromMonthEnd = false;
    for (;;) {
      starts.push(this.#at);
      const part = this.#list(false);
      if (part === null) return null;
      parts.push(part);
      const rest = this.#rest();
      if (parts.length === 1 && (rest === '' || rest.startsWith(':'))) {
        this.#at = begin;
        return everyDate;
      }
      if (parts.length > 1 && (rest === '' || rest.startsWith(' '))) break;
      if (fromMonthEnd || parts.length === 3) return this.#fail('the date should end here');
      fromMonthEnd = this.#take('~');
      if (!fromMonthEnd && !this.#take('-')) return this.#fail('a date has its parts joined by - (or ~)');
    }
    this.#skipSpaces();
    const [day = [], month = [], year = []] = parts.reverse().map(tidy);
    const [dayAt = 0, monthAt = 0, yearAt = 0] = starts.reverse();
    const century = tidy(year.map(withCentury));
    const fits =
      this.#fits('year', century, yearAt, false) &&
      this.#fits('month', month, monthAt, false) &&
      this.#fits('day', day, dayAt, fromMonthEnd);
    if (!fits) return null;
    return { fields: { year: century, month, day }, fromMonthEnd };
  }

  #timestamp() {
    const at = this.#at;
    const seconds = this.#digits();
    if (seconds === null) return null;
    const moment = new Date(seconds * 1000);
    const year = moment.getUTCFullYear();
    if (this.#rest() !== '') return this.#fail('a time stamp is a whole number of seconds');
    if (!(year <= bounds.year[1])) return this.#fail(`the year is beyond ${bounds.year[1]}`, at);
    return {
      fields: { year: [only(year)], month: [only(moment.getUTCMonth() + 1)], day: [only(moment.getUTCDate())] },
      fromMonthEnd: false,
      time: {
        hour: [only(moment.getUTCHours())],
        minute: [only(moment.getUTCMinutes())],
        microsecond: [only(moment.getUTCSeconds() * usecPerSecond)],
      },
    };
  }

  #time(): Time | null {
    const midnight = { hour: [only(0)], minute: [only(0)], microsecond: [only(0)] };
    if (this.#rest() === '') return midnight;
    const hour = this.#checked('hour');
    if (hour === null) return null;
    if (!this.#take(':')) return this.#fail('a time is written hours:minutes, with seconds or without');
    const minute = this.#checked('minute');
    if (minute === null) return null;
    if (this.#rest() === '') return { ...midnight, hour, minute };
    if (!this.#take(':')) return this.#fail('after the minutes come seconds, or a time zone that is known');
    const microsecond = this.#checked('microsecond');
    if (microsecond === null) return null;
    if (this.#rest() !== '') return this.#fail('after the seconds comes a time zone that is known, or nothing');
    return { hour, minute, microsecond };
  }

  #checked(field: 'hour' | 'minute' | 'microsecond'): CalendarComponent[] | null {
    const at = this.#at;
    const list = this.#list(field === 'microsecond');
    if (list === null) return null;
    const tidied = tidy(list);
    return this.#fits(field, tidied, at, false) ? tidied : null;
  }

  /** `*`, or components separated by commas. */
  #list(seconds: boolean): CalendarComponent[] | null {
    if (this.#take('*')) return seconds ? [{ start: 0, stop: null, step: usecPerSecond }] : [];
    const list: CalendarComponent[] = [];
    do {
      const component = this.#component(seconds);
      if (component === null) return null;
      list.push(component);
      if (list.length > longestList) return this.#fail(`a list has at most ${longestList} entries`);
    } while (this.#take(','));
    return list;
  }

  #component(seconds: boolean): CalendarComponent | null {
    const start = this.#number(seconds);
    if (start === null) return null;
    const stop = this.#take('..') ? this.#number(seconds) : null;
    if (this.#failed) return null;
    let step = stop === null ? 0 : seconds ? usecPerSecond : 1;
    if (this.#take('/')) {
      const at = this.#at;
      step = this.#number(seconds) ?? 0;
      if (this.#failed) return null;
      if (step === 0) return this.#fail('a repetition of 0 never comes', at);
    } else if (seconds && stop !== null && start + step > stop) {
      return this.#fail('a range of less than a second needs a repetition');
    }
    return /^(?:$|[ ,\-~:])/.test(this.#rest()) ? { start, stop, step } : this.#fail('this was not expected');
  }

  #number(seconds: boolean): number | null {
    const whole = this.#digits();
    if (whole === null || !seconds) return whole;
    const [all = '', digits] = /^\.(?!\.)(\d*)/.exec(this.#rest()) ?? [];
    if (digits === undefined) return whole * usecPerSecond;
    if (digits === '') return this.#fail('a decimal point has digits behind it');
    this.#at += all.length;
    const rounding = Number(digits[6] ?? 0) >= 5 ? 1 : 0;
    return whole * usecPerSecond + Number(digits.slice(0, 6).padEnd(6, '0')) + rounding;
  }

  #digits(): number | null {
    const [digits] = /^\d+/.exec(this.#rest()) ?? [];
    if (digits === undefined) return this.#fail(this.#rest() === '' ? 'a number is missing' : 'a number is expected');
    if (digits.length > 15) return this.#fail('the number is too large');
    this.#at += digits.length;
    return Number(digits);
  }

  /** A repetition must be able to come at least once before the field, or the range, ends. */
  #fits(field: CalendarField, list: CalendarComponent[], at: number, fromMonthEnd: boolean): boolean {
    const [first, most] = bounds[field];
    // No month is shorter than 28 days.
    const last = fromMonthEnd ? most - 3 : most;
    const isIn = (value: number) => value >= first && value <= last;
    const bad = list.find(({ start, stop, step }) => {
      if (!isIn(start) || step > last - first || (stop !== null && !isIn(stop))) return true;
      if (stop !== null) return start + step > stop;
      return fromMonthEnd ? start - step < first : start + step > last;
    });
    if (bad === undefined) return true;
    const { start, stop } = bad;
    const name = field === 'microsecond' ? 'second' : field;
    const unit = field === 'microsecond' ? usecPerSecond : 1;
    const range = `${first} to ${Math.floor(last / unit)}`;
    if (!isIn(start) || (stop !== null && !isIn(stop))) this.#fail(`a ${name} is a number from ${range}`, at);
    else if (stop !== null && stop < start) this.#fail(`the range of ${name}s runs backwards`, at);
    else this.#fail(`the ${name}s end before they repeat`, at);
    return false;
  }

  #rest(): string {
    return this.#text.slice(this.#at);
  }

  #take(mark: string): boolean {
    const isThere = this.#text.startsWith(mark, this.#at);
    if (isThere) this.#at += mark.length;
    return isThere;
  }

  #skipSpaces(): void {
    while (this.#take(' '));
  }

  #fail(message: string, at = this.#at): null {
    if (!this.#failed) this.problem = { message, at };
    this.#failed = true;
    return null;
  }
}

type Time = Pick<CalendarSpec['fields'], 'hour' | 'minute' | 'microsecond'>;

function only(start: number): CalendarComponent {
  return { start, stop: null, step: 0 };
}

/** Of a year with two digits, 70 to 99 are in the last century. */
function withCentury({ start, stop, step }: CalendarComponent): CalendarComponent {
  const full = (year: number) => (year < 70 ? year + 2000 : year < 100 ? year + 1900 : year);
  return { start: full(start), stop: stop === null ? null : full(stop), step };
}

/** In order, each once, and each range ending with the last value that it reaches; one of a single value is no range. */
function tidy(list: CalendarComponent[]): CalendarComponent[] {
  const trimmed = list.map(({ start, stop, step }) => {
    const end = stop !== null && stop > start ? stop - ((stop - start) % step) : stop;
    return end === start ? only(start) : { start, stop: end, step };
  });
  trimmed.sort((a, b) => a.start - b.start || (a.stop ?? -1) - (b.stop ?? -1) || a.step - b.step);
  return trimmed.filter((component, index) => {
    const before = trimmed[index - 1];
    return before === undefined || JSON.stringify(before) !== JSON.stringify(component);
  });
}

/** The normal form: `Mon,Fri *-*-* 09:30:00 UTC`. */
export function formatCalendar({ weekdays, fromMonthEnd, zone, fields }: CalendarSpec): string {
  const days = weekdays === null ? '' : `${formatWeekdays(weekdays)} `;
  const { year, month, day, hour, minute, microsecond } = fields;
  const date = `${formatList(year, 4)}-${formatList(month, 2)}${fromMonthEnd ? '~' : '-'}${formatList(day, 2)}`;
  const isEverySecond = microsecond.some(
    ({ start, stop, step }) => start === 0 && stop === null && step === usecPerSecond,
  );
  const seconds = isEverySecond ? '*' : formatList(microsecond, 2, usecPerSecond);
  return `${days}${date} ${formatList(hour, 2)}:${formatList(minute, 2)}:${seconds}${zone === null ? '' : ` ${zone}`}`;
}

function formatWeekdays(bits: number): string {
  const short = (day: number) => weekdayNames[day]?.slice(0, 3);
  const runs: string[] = [];
  for (let day = 0; day < 7; day += 1) {
    const first = day;
    while (bits & (1 << day)) day += 1;
    if (day === first) continue;
    const last = day - 1;
    const link = last === first + 1 ? ',' : '..';
    runs.push(last === first ? `${short(first)}` : `${short(first)}${link}${short(last)}`);
  }
  return runs.join(',');
}

function formatList(list: CalendarComponent[], width: number, unit = 1): string {
  const amount = (value: number, digits: number) => {
    const fraction = value % unit;
    const whole = String(Math.floor(value / unit)).padStart(digits, '0');
    return fraction === 0 ? whole : `${whole}.${String(fraction).padStart(6, '0')}`;
  };
  const one = ({ start, stop, step }: CalendarComponent) => {
    const range = stop === null ? '' : `..${amount(stop, width)}`;
    const isPlainRange = stop !== null && step === unit;
    return `${amount(start, width)}${range}${step > 0 && !isPlainRange ? `/${amount(step, 1)}` : ''}`;
  };
  return list.length === 0 ? '*' : list.map(one).join(',');
}
