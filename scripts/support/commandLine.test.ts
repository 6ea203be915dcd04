import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { UsageError } from '../../cli/errors.ts';
import { flag, minutes, parseCommandLine, text, usageOf, whole } from './commandLine.ts';

const line = {
  command: 'npm run x',
  about: 'does x',
  options: {
    seeds: whole('N', 'so many', { min: 1, otherwise: 1000 }),
    seed: whole('SEED', 'that one', { min: 0, otherwise: undefined }),
    minutes: minutes('N', 'for so long', 5),
    save: text('FILE', 'kept there'),
    trace: flag('everything'),
  },
  words: { placeholder: 'NAME', about: 'what', among: ['replay', 'burst'] },
};

describe('the command line of a script', () => {
  test('gives its options and words, and what holds where they are not there', () => {
    const without = { seeds: 1000, seed: undefined, minutes: 5, save: undefined, trace: false };
    assert.deepEqual(parseCommandLine(line, []), { values: without, words: [] });
    assert.deepEqual(
      parseCommandLine(line, [
        'burst',
        '--seeds',
        '3',
        '--seed=0',
        '--minutes',
        '0.5',
        '--save',
        'a=b',
        '--trace',
        'replay',
      ]),
      { values: { seeds: 3, seed: 0, minutes: 0.5, save: 'a=b', trace: true }, words: ['burst', 'replay'] },
    );
  });

  const takes = 'it takes --seeds N, --seed SEED, --minutes N, --save FILE, --trace, --help, NAME…';
  const wrong: [args: string[], says: string][] = [
    [['--first', '3'], `there is no option --first; ${takes}`],
    [['--sead', '3'], `there is no option --sead (did you mean --seed?); ${takes}`],
    [['--constructor', '3'], `there is no option --constructor; ${takes}`],
    [['-s'], `there is no option -s; ${takes}`],
    [['--seeds'], '--seeds needs a value: --seeds N'],
    [['--seeds', '--trace'], '--seeds needs a value: --seeds N'],
    [['--save='], '--save needs a value: --save FILE'],
    [['--trace=yes'], '--trace takes no value'],
    [['--seeds', 'many'], '--seeds takes a whole number from 1, not "many"'],
    [['--seeds', '0'], '--seeds takes a whole number from 1, not "0"'],
    [['--seeds', '1e3'], '--seeds takes a whole number from 1, not "1e3"'],
    [['--minutes', '0'], '--minutes takes a number of minutes, more than 0, not "0"'],
    [['reply'], 'there is no "reply" (did you mean replay?); there are replay, burst'],
  ];
  for (const [args, says] of wrong) {
    test(`that is ${args.join(' ')} is refused, in one line that says what would be right`, () => {
      assert.throws(() => parseCommandLine(line, args), new UsageError(says));
    });
  }

  test('takes no words where none are said to be taken', () => {
    const { words: _, ...wordless } = line;
    assert.throws(
      () => parseCommandLine({ ...wordless, options: {} }, ['3']),
      new UsageError('cannot make use of "3"; it takes --help'),
    );
  });

  test('is explained, with what holds by default', () => {
    assert.equal(
      usageOf(line),
      [
        'usage: npm run x -- [options] [NAME…]',
        'does x',
        '  --seeds N    so many (1000)',
        '  --seed SEED  that one',
        '  --minutes N  for so long (5)',
        '  --save FILE  kept there',
        '  --trace      everything',
        '  NAME         what: replay, burst',
      ].join('\n'),
    );
  });
});

test('every script that people run says with --help how, and does nothing; what it does not know it refuses in one line', async () => {
  const root = join(import.meta.dirname, '../..');
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const files = Object.values(scripts).flatMap((script) => / ((?:scripts|bench)\/[\w/]+\.ts)$/.exec(script)?.[1] ?? []);
  const people = files.filter((file) => !file.startsWith('scripts/generate'));
  assert.ok(people.length >= 8, people.join(' '));
  const run = (file: string, arg: string) =>
    promisify(execFile)(process.execPath, ['--import', 'tsx', file, arg], { cwd: root, timeout: 60_000 }).then(
      (output) => ({ ...output, code: 0 }),
      ({ code, stdout, stderr }) => ({ code, stdout, stderr }),
    );
  for (const file of people) {
    const [help, refusal] = await Promise.all([run(file, '--help'), run(file, '--no-such-option')]);
    assert.match(help.stdout, /^usage: npm (run [\w:]+|test)/, file);
    assert.deepEqual([help.code, help.stderr], [0, ''], file);
    assert.match(refusal.stderr, /^npm [^\n]+: there is no option --no-such-option; it takes [^\n]+\n$/, file);
    assert.deepEqual([refusal.code, refusal.stdout], [2, ''], file);
  }
});
