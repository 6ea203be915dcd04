import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { formatCalendar, parseCalendar } from './calendar.ts';
import { nextElapse } from './calendarNext.ts';
import { anyCalendar } from './testing/calendarSamples.ts';

function spec(text: string) {
  const parsed = parseCalendar(text);
  assert.ok('value' in parsed, JSON.stringify(parsed));
  return parsed.value;
}

/** The next times after a moment (ISO 8601), as ISO in UTC. */
function nexts(text: string, after: string, count: number, zone = 'UTC'): string[] {
  const found: string[] = [];
  let usec = Date.parse(after) * 1000;
  while (found.length < count) {
    const next = nextElapse(spec(text), usec, zone);
    if (next === null) break;
    found.push(new Date(next / 1000).toISOString().replace(/:00\.000Z|Z$/, ''));
    usec = next;
  }
  return found;
}

describe('calendar expressions', () => {
  it('have a normal form', () => {
    const forms = {
      'Sat,Thu,Mon..Wed,Sat..Sun': 'Mon..Thu,Sat,Sun *-*-* 00:00:00',
      'Wed *-1': 'Wed *-*-01 00:00:00',
      '10-15 10:20:30.25 Europe/Berlin': '*-10-15 10:20:30.250000 Europe/Berlin',
      'Mon..Sun 05:40 utc': '*-*-* 05:40:00 UTC',
      '*-05~07/1': '*-05~07/1 00:00:00',
      '70-1-2 *:*:*': '1970-01-02 *:*:*',
      '*:2..30/7,5,5': '*-*-* *:02..30/7,05:00',
      '@86401': '1970-01-02 00:00:01 UTC',
      semiannually: '*-01,07-01 00:00:00',
    };
    for (const [text, form] of Object.entries(forms)) {
      assert.equal(formatCalendar(spec(text)), form, text);
    }
  });

  it('mean the same in their normal form', () => {
    fc.assert(
      fc.property(anyCalendar, (text) => {
        const parsed = parseCalendar(text);
        fc.pre('value' in parsed);
        assert.deepEqual(parseCalendar(formatCalendar(parsed.value)), parsed);
      }),
    );
  });

  it('say what is wrong, and at which character', () => {
    const problems: Record<string, RegExp> = {
      '': /nothing is said \(character 1\)/,
      'Mon..Fri 25:00': /an? hour is a number from 0 to 23 \(character 10\)/,
      'Fri..Mon': /the range of weekdays runs backwards/,
      'Mon,Tues': /a weekday goes on strangely \(character 8\)/,
      '*-13-01': /a month is a number from 1 to 12 \(character 3\)/,
      '*-*-*  12': /a time is written hours:minutes.* \(character 10\)/,
      '12:00 Mars/Olympus': /a time zone that is known \(character 6\)/,
      '*:0/0': /a repetition of 0 never comes \(character 5\)/,
      '*-02~29': /a day is a number from 1 to 28 \(character 6\)/,
      '*:30..10': /the range of minutes runs backwards \(character 3\)/,
      '*:0/75': /the minutes end before they repeat \(character 3\)/,
      '1:2:3.': /a decimal point has digits behind it/,
      '2026-11-26T12:00': /this was not expected \(character 11\)/,
    };
    for (const [text, pattern] of Object.entries(problems)) {
      const parsed = parseCalendar(text);
      assert.ok('error' in parsed, text);
      assert.match(parsed.error, pattern, text);
    }
  });

  it('February 29 comes every four years, and on a Monday every 28', () => {
    assert.deepEqual(nexts('*-02-29', '2026-01-01T00:00Z', 2), ['2028-02-29T00:00', '2032-02-29T00:00']);
    assert.deepEqual(nexts('Mon *-02-29', '2026-01-01T00:00Z', 2), ['2044-02-29T00:00', '2072-02-29T00:00']);
    assert.deepEqual(nexts('*-02-30', '2026-01-01T00:00Z', 1), []);
    assert.deepEqual(nexts('*-02~01', '2027-01-01T00:00Z', 2), ['2027-02-28T00:00', '2028-02-29T00:00']);
  });

  it('what the clock jumps over does not elapse', () => {
    const [saturday, zone] = ['2026-03-28T12:00Z', 'Europe/Berlin'];
    assert.deepEqual(nexts('02:30', saturday, 1, zone), ['2026-03-30T00:30']);
    assert.deepEqual(nexts('*:0/30', '2026-03-29T00:30Z', 2, zone), ['2026-03-29T01:00', '2026-03-29T01:30']);
  });

  it('what the clock shows twice elapses once, at the first time', () => {
    const zone = 'America/New_York';
    assert.deepEqual(nexts('01:30', '2026-11-01T04:00Z', 2, zone), ['2026-11-01T05:30', '2026-11-02T06:30']);
    assert.deepEqual(nexts('01:30', '2026-11-01T06:10Z', 1, zone), ['2026-11-01T06:30']);
  });

  it('always elapse after the moment that they are asked about, and at what they say', () => {
    const moment = fc.integer({ min: 0, max: Date.UTC(2190, 0) / 1000 }).map((seconds) => seconds * 1_000_000);
    const zones = fc.constantFrom(
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Australia/Lord_Howe',
      'America/Sao_Paulo',
    );
    fc.assert(
      fc.property(anyCalendar, moment, zones, (text, after, zone) => {
        const parsed = parseCalendar(text);
        fc.pre('value' in parsed);
        const next = nextElapse(parsed.value, after, zone);
        if (next === null) return;
        assert.ok(next > after);
        // Nothing lies between: asked about the instant before it, it is the answer again.
        assert.equal(nextElapse(parsed.value, next - 1, zone), next);
      }),
    );
  });
});
