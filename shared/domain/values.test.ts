import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { addExitStatus, parseSignal } from './signals.ts';
import { parseTimeSpan } from './timeSpan.ts';
import { type Parsed, parseBoolean, parseMemory, parseMode, parsePercent, parseSize, parseUnsigned } from './values.ts';

/** Values that are right with what they mean, and some that are wrong. */
function check<T>(parse: (text: string) => Parsed<T>, right: Record<string, T>, wrong: string[]): void {
  for (const [text, value] of Object.entries(right)) assert.deepEqual(parse(text), { value }, text);
  for (const text of wrong) assert.ok('error' in parse(text), JSON.stringify(text));
}

describe('values', () => {
  it('booleans in all spellings', () => {
    check(parseBoolean, { yes: true, On: true, T: true, '1': true, no: false, OFF: false, f: false, '0': false }, [
      '',
      'ja',
      '2',
    ]);
  });

  it('whole numbers', () => {
    check(parseUnsigned, { '0': 0, '4294967295': 4294967295, '0x10': 16, '010': 8 }, [
      '',
      '-1',
      '1.5',
      '4294967296',
      '08',
      '1 ',
    ]);
  });

  it('modes are octal', () => {
    check(parseMode, { '022': 0o22, '7777': 0o7777, '0': 0 }, ['', '8', '10000', '0o22', '-1']);
  });

  it('sizes count in 1024s', () => {
    check(
      parseSize,
      {
        '0': 0,
        '512': 512,
        '512M': 512 * 1024 ** 2,
        '1.5G': 1.5 * 1024 ** 3,
        '1G 1K 1': 1024 ** 3 + 1025,
        '8 K': 8192,
      },
      ['', 'M', '1k', '1KB', '1K 1G', '-1', '1e3', '9E'],
    );
  });

  it('memory is bytes, a share, or no limit', () => {
    check(parseMemory, { '1M': { bytes: 1024 ** 2 }, '25%': { fraction: 0.25 }, infinity: 'infinity' }, [
      '0',
      '',
      '5x%',
      'inf',
    ]);
  });

  it('percentages may go beyond a hundred', () => {
    check(parsePercent, { '50%': 0.5, '150%': 1.5, '12.5%': 0.125, '0.01%': 0.0001 }, [
      '50',
      '%',
      '1.234%',
      '-1%',
      '1.%',
    ]);
  });

  it('signals by name, with or without SIG, and by number', () => {
    check(
      parseSignal,
      {
        TERM: 'SIGTERM',
        SIGKILL: 'SIGKILL',
        '15': 'SIGTERM',
        '31': 'SIGSYS',
        'RTMIN+3': 'SIGRTMIN+3',
        SIGRTMAX: 'SIGRTMIN+30',
        '34': 'SIGRTMIN',
        'SIGRTMAX-30': 'SIGRTMIN',
      },
      ['', 'term', 'SIG', '0', '32', '65', 'RTMIN+31', 'RTMAX-31', 'RTMAX-40', 'RTMIN-1', 'SIGSIGTERM'],
    );
  });

  it('exit statuses by code and name, and signals beside them, each once', () => {
    const none = { codes: [], signals: [] };
    assert.deepEqual(addExitStatus(none, '250'), { value: { codes: [250], signals: [] } });
    assert.deepEqual(addExitStatus({ codes: [75], signals: [] }, 'TEMPFAIL'), { value: { codes: [75], signals: [] } });
    assert.deepEqual(addExitStatus(none, 'SIGKILL'), { value: { codes: [], signals: ['SIGKILL'] } });
    for (const word of ['256', '-1', 'NOPE', 'toString', '']) assert.ok('error' in addExitStatus(none, word), word);
  });
});

describe('time spans', () => {
  it('add up, in milliseconds', () => {
    check<number | null>(
      parseTimeSpan,
      {
        '90': 90_000,
        '5min 20s': 320_000,
        '1.5h': 5_400_000,
        '2min200ms': 120_200,
        '1us': 0.001,
        '.5': 500,
        infinity: null,
        '0': 0,
        '1M': 2_629_800_000,
        '1y': 31_557_600_000,
      },
      ['', 'abc', '5 parsecs', '1.5.5', '-1', '5mins', '1.s', '584543y', 'infinity 1s', '99999999999999999999'],
    );
  });

  it('the order of the parts does not matter', () => {
    const part = fc
      .tuple(fc.nat(1000), fc.constantFrom('s', 'ms', 'min', 'h', 'd', 'w'))
      .map(([count, unit]) => `${count}${unit}`);
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
        assert.deepEqual(parseTimeSpan(parts.toReversed().join(' ')), parseTimeSpan(parts.join('')));
      }),
    );
  });

  it('any text is read without an exception and in time', () => {
    const text = fc.string({ unit: fc.constantFrom(...'0159. smhdwyMinfty+-') });
    fc.assert(fc.property(text, (input) => assert.equal(typeof parseTimeSpan(input), 'object')));
    const start = performance.now();
    for (const long of ['1'.repeat(200_000), `1.${'1'.repeat(200_000)}`, '1s '.repeat(60_000)]) parseTimeSpan(long);
    assert.ok(performance.now() - start < 3000);
  });
});
