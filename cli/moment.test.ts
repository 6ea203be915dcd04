import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMoment } from './moment.ts';

const now = Date.parse('2025-11-23T14:00:00Z');
const parse = (text: string) => parseMoment('--since', text, now);

test('digits are a sequence of the log', () => {
  assert.deepEqual(parse('1234'), { seq: 1234 });
});

test('a span is taken back from now', () => {
  assert.deepEqual(parse('10m'), { at: now - 600_000 });
  assert.deepEqual(parse('1h 30min ago'), { at: now - 5_400_000 });
  assert.deepEqual(parse('infinity'), { at: 0 });
});

test('every time that ISO 8601 writes is that time', () => {
  const date = fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true });
  fc.assert(fc.property(date, (time) => assert.deepEqual(parse(time.toISOString()), { at: time.getTime() })));
});

test('a time without a zone is local, a date alone its local midnight', () => {
  const midnight = new Date(2025, 10, 23).getTime();
  assert.deepEqual(parse('2025-11-23'), { at: midnight });
  assert.deepEqual(parse('2025-11-23 14:30'), { at: midnight + 14.5 * 3_600_000 });
});

test('anything else is a usage error that says what would be right', () => {
  for (const text of ['yesterday', '2025-13-40', '2025-11-23 25:00', '-5', '10 bananas']) {
    assert.throws(() => parse(text), { name: 'UsageError', message: /--since takes a sequence/ });
  }
});
