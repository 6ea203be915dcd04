/** Unit files and values, right and wrong, to be judged. */
import fc from 'fast-check';
import { parseSignal } from '../signals.ts';
import { parseMicroseconds } from '../timeSpan.ts';
import { parseMemory } from '../values.ts';

const number = fc.oneof(
  fc.nat(99).map(String),
  fc.constantFrom('0', '1.5', '.5', '1.', '+3', '007', '1.25.5', '-1', '1e3', ''),
);
const timeUnit = fc.constantFrom(
  '',
  's',
  'sec',
  'ms',
  'us',
  'min',
  'm',
  'M',
  'month',
  'h',
  'hr',
  'd',
  'w',
  'y',
  'mins',
  'ns',
);
export const timeSpans = fc.oneof(
  fc
    .array(
      fc.tuple(number, fc.constantFrom('', ' '), timeUnit, fc.constantFrom('', ' ')).map((parts) => parts.join('')),
      {
        minLength: 1,
        maxLength: 3,
      },
    )
    .map((parts) => parts.join('').trim())
    .filter((text) => text !== '' && !text.startsWith('-')),
  fc.constantFrom(
    'infinity',
    '18446744073709551614us',
    '18446744073709551615us',
    '9223372036854775808us',
    '584542y',
    '584543y',
  ),
);
const sizes = fc
  .array(
    fc.tuple(
      number,
      fc.constantFrom('', ' '),
      fc.constantFrom('', 'K', 'M', 'G', 'B', 'k', 'KB', '%'),
      fc.constantFrom('', ' '),
    ),
    {
      minLength: 1,
      maxLength: 2,
    },
  )
  .map((parts) => parts.flat().join('').trim())
  .filter((text) => text !== '');
const signals = fc.oneof(
  fc
    .integer({ min: 0, max: 66 })
    .filter((signal) => signal !== 32 && signal !== 33)
    .map(String),
  fc.constantFrom(
    'TERM',
    'SIGTERM',
    'SIGterm',
    'USR1',
    'SIGRTMIN',
    'RTMAX',
    'RTMIN+3',
    'SIGRTMAX-4',
    'RTMIN+31',
    'RTMIN-1',
    'FOO',
  ),
);
const accounts = fc.constantFrom(
  '-a',
  'a:b',
  '..',
  '4294967295',
  '4294967296',
  'root',
  '0',
  '65535',
  '65534',
  'a-b',
  '_x',
  '1a',
  'a.b',
  'a b',
  'é',
  '007',
  '-a',
  'a:b',
  '..',
  '4294967295',
  '4294967296',
);
const booleans = fc.constantFrom('yes', 'No', 'TRUE', 'off', '1', '0', 'y', 'f', 'maybe', '2', 'T');

/** Directives of which systemd warns line by line, and values right and wrong. */
export const values: Record<string, fc.Arbitrary<string>> = {
  RestartSec: timeSpans.filter((span) => span !== 'infinity'),
  TimeoutStartSec: timeSpans,
  TimeoutStopSec: timeSpans,
  KillSignal: signals,
  SendSIGKILL: booleans,
  RemainAfterExit: booleans,
  UnsetEnvironment: fc.constantFrom('A', 'A=1 B', '"C=x y"', '1A', '=x', 'A-B', 'A=', "'D"),
  SendSIGHUP: fc.constantFrom('yes', 'no', 'x'),
  RestartKillSignal: fc.constantFrom('SIGINT', 'USR1', '15', 'FOO', '0'),
  IgnoreSIGPIPE: fc.constantFrom('yes', 'no', '0', 'x'),
  UMask: fc.constantFrom('0', '022', '7777', '10000', '8', '0777', '-1', 'x'),
  Restart: fc.constantFrom('no', 'always', 'on-failure', 'yes', 'on-watchdog', 'On-failure'),
  OOMPolicy: fc.constantFrom('continue', 'stop', 'kill', 'Kill', 'yes', 'none', 'restart'),
  KillMode: fc.constantFrom('control-group', 'process', 'mixed', 'group'),
  SuccessExitStatus: fc.oneof(
    signals.filter((text) => !/^\d+$/.test(text)),
    fc.constantFrom('0', '255', '256', 'TEMPFAIL', 'tempfail', 'EXCEPTION'),
  ),
  MemoryMax: sizes,
  CPUQuota: fc.constantFrom('50%', '150%', '0%', '12.5%', '12.345%', '50', '%', '-5%', '1000000%'),
  WorkingDirectory: fc.constantFrom('~', '-~', '~x', '/', '-/tmp', '/a/../b', 'tmp', '/tmp//x', '%t', 'x%t'),
  EnvironmentFile: fc.constantFrom('/etc/x', '-/etc/x', 'x', '-x', '%t/x', '/a%%b'),
  Environment: fc.constantFrom(
    'A=b',
    'A="b c"',
    '"A=b c" D=e',
    'A',
    '1A=b',
    '"A=b',
    'A=\\x41',
    'A=\\q',
    'A=b\\tc',
    'Ä=b',
    'A=%p',
  ),
  PassEnvironment: fc.constantFrom('A', 'A B', '1A', 'A=b', '"A"'),
  User: accounts,
  Group: accounts,
};

const plain = fc.string({ unit: fc.constantFrom(...'aB0/.:=,+-_@!*?#(|é☃'), minLength: 1, maxLength: 5 });
const escapes = fc.constantFrom(
  '\\n',
  '\\s',
  '\\\\',
  '\\"',
  "\\'",
  '\\x41',
  '\\101',
  '\\302\\251',
  '\\u00e9',
  '\\U0001f600',
  '\\d',
  '\\x4',
  '\\;',
  '\\400',
);
const specifiers = fc.constantFrom(
  '%n',
  '%N',
  '%p',
  '%P',
  '%i',
  '%I',
  '%j',
  '%J',
  '%t',
  '%S',
  '%C',
  '%L',
  '%u',
  '%U',
  '%h',
  '%T',
  '%V',
  '%%',
  '%-',
  '%E',
  '%g',
);
const variables = fc.constantFrom('$A', `\${A}`, '$$', '$');
const pieces = fc
  .array(
    fc.oneof(
      plain,
      escapes.filter((text) => text !== '\\n'),
      specifiers,
      variables,
    ),
    { maxLength: 4 },
  )
  .map((parts) => parts.join(''));
const words = fc.oneof(
  { weight: 5, arbitrary: pieces },
  { weight: 2, arbitrary: pieces.map((text) => `"${text} '"`) },
  { weight: 2, arbitrary: pieces.map((text) => `'${text} "'`) },
  { weight: 1, arbitrary: fc.tuple(pieces, pieces).map(([a, b]) => `${a}"${b} "${a}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(';', '\\;', '";"', '"', '\\', "''", '; /bin/true', '; -/bin/true', '; @/bin/true'),
  },
);
const program = fc.constantFrom(
  '/bin/echo',
  '-/bin/echo',
  'echo',
  '@/bin/echo',
  ':+/bin//echo',
  '!!/bin/echo',
  '-:@!/bin/echo',
  './echo',
  '/bin/',
  '"/bin/echo"',
  '--/bin/echo',
);
const commandLines = fc
  .tuple(program, fc.array(words, { maxLength: 5 }))
  .map(([first, rest]) => [first, ...rest].join(' '))
  // A variable for a program is refused here; systemd lets it pass and then finds no such file.
  .filter((line) => !/;["']?\s+\S{0,4}\$/.test(line));

const descriptionLines = fc.array(
  fc.constantFrom(
    'Description=one',
    'Description = two  words \t',
    'Description=',
    '# comment',
    '  ; comment',
    'Description=a\\',
    'b \\',
    '   c',
    '',
    '  ',
    'Description=e\\\\',
    'Description=%p \\',
    'Description=x=y=z',
    'Description=f \\  ',
    '\\',
    'Description="g"',
  ),
  { maxLength: 8 },
);

/** Whole files: sections, comments, continued lines, one command line, some values that are right. */
export const unitTexts = fc
  .record({
    lineEnd: fc.constantFrom('\n', '\r\n'),
    mark: fc.constantFrom('', '\ufeff'),
    description: descriptionLines,
    command: commandLines,
    environment: fc.array(
      fc.tuple(
        fc.constantFrom('A', 'B', '_c1'),
        pieces.filter((text) => !/\\[;dx4]|\\400|%-/.test(text)),
      ),
      { maxLength: 3 },
    ),
    signal: signals.filter((text) => 'value' in parseSignal(text)),
    timeout: timeSpans.filter((text) => parseMicroseconds(text) !== null),
    restartSec: timeSpans.filter((text) => parseMicroseconds(text) !== null && text !== 'infinity'),
    memory: sizes.filter((text) => 'value' in parseMemory(text) && !text.endsWith('%')),
    umask: fc.constantFrom('022', '0', '7777'),
    killMode: fc.constantFrom('control-group', 'mixed', 'process'),
  })
  .map((parts) =>
    [
      `${parts.mark}[Unit]`,
      ...parts.description,
      '',
      '[Service]',
      'Type=oneshot',
      'RemainAfterExit=yes',
      'ExecStart=/bin/true',
      `ExecStop=${parts.command}`,
      ...parts.environment.map(([name, value]) => `Environment="${name}=${value}"`),
      `KillSignal=${parts.signal}`,
      `KillMode=${parts.killMode}`,
      `UMask=${parts.umask}`,
      `TimeoutStopSec=${parts.timeout}`,
      `RestartSec=${parts.restartSec}`,
      `MemoryMax=${parts.memory}`,
      '',
    ].join(parts.lineEnd),
  );
