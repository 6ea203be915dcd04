/** Calendar expressions of every form, some of them wrong. */
import fc from 'fast-check';

const weekday = fc.constantFrom('Mon', 'tue', 'Wednesday', 'THU', 'Fri', 'Saturday', 'sun');
const weekdays = fc
  .array(
    fc.oneof(
      weekday,
      fc.tuple(weekday, weekday).map(([from, to]) => `${from}..${to}`),
    ),
    { minLength: 1, maxLength: 3 },
  )
  .map((days) => days.join(','));

/** One field whose values are likely to be right. */
function field(min: number, max: number, fraction = false): fc.Arbitrary<string> {
  const whole = fc.integer({ min, max }).map(String);
  const number = fraction
    ? fc.oneof(
        { weight: 3, arbitrary: whole },
        fc.tuple(whole, fc.constantFrom('5', '25', '1234567')).map((parts) => parts.join('.')),
      )
    : whole;
  const range = fc
    .tuple(fc.integer({ min, max }), fc.integer({ min, max }))
    .map(([a, b]) => `${Math.min(a, b)}..${Math.max(a, b)}`);
  const step = fc.integer({ min: 1, max: Math.max(2, Math.floor((max - min) / 3)) });
  const repeated = fc.tuple(fc.oneof(number, range), step).map(([start, each]) => `${start}/${each}`);
  const one = fc.oneof({ weight: 4, arbitrary: number }, range, repeated);
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    fc.array(one, { minLength: 1, maxLength: 3 }).map((list) => list.join(',')),
  );
}

const year = fc.oneof({ weight: 5, arbitrary: fc.constant('*') }, field(2024, 2040), fc.constantFrom('26', '99'));
const day = fc.oneof(
  { weight: 3, arbitrary: field(1, 31).map((days) => `-${days}`) },
  field(1, 28).map((days) => `~${days}`),
);
const date = fc.oneof(
  fc.tuple(year, field(1, 12), day).map(([years, months, days]) => `${years}-${months}${days}`),
  fc.tuple(field(1, 12), day).map(([months, days]) => `${months}${days}`),
);
const time = fc.oneof(
  fc.tuple(field(0, 23), field(0, 59)).map((parts) => parts.join(':')),
  fc.tuple(field(0, 23), field(0, 59), field(0, 59, true)).map((parts) => parts.join(':')),
);
const shorthand = fc.constantFrom(
  'minutely',
  'hourly',
  'daily',
  'Weekly',
  'monthly',
  'quarterly',
  'semiannually',
  'yearly',
);
const zone = fc.constantFrom(
  '',
  '',
  '',
  ' UTC',
  ' utc',
  ' Europe/Berlin',
  ' America/New_York',
  ' Asia/Kolkata',
  ' Asia/Nowhere',
);
const maybe = (part: fc.Arbitrary<string>) => fc.oneof(part, fc.constant(''));

const composed = fc
  .tuple(maybe(weekdays), maybe(date), maybe(time))
  .map((parts) => parts.filter((part) => part !== '').join(' '));
const timestamp = fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => `@${seconds}`);

/** A mark too many or too few. */
const damaged = fc
  .tuple(composed, fc.nat(), fc.constantFrom('', '.', ',', '-', '~', ':', '/', '*', '0', ' '))
  .map(([text, at, mark]) => {
    const index = at % (text.length + 1);
    return text.slice(0, index) + mark + text.slice(index + (mark === '' ? 1 : 0));
  });

export const anyCalendar = fc
  .tuple(
    fc.oneof({ weight: 12, arbitrary: composed }, { weight: 2, arbitrary: shorthand }, timestamp, {
      weight: 3,
      arbitrary: damaged,
    }),
    zone,
  )
  .map((parts) => parts.join(''))
  .filter((text) => text.trim() === text && text !== '');
