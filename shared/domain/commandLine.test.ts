// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of command lines look like that
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseCommandLine, substituteVariables } from './commandLine.ts';

const specifiers = { p: 'web', n: 'web.service', s: 'two words' };

function argvs(line: string): string[][] {
  const { commands, problems } = parseCommandLine(line, specifiers);
  assert.deepEqual(problems, []);
  return commands.map(({ argv }) => argv);
}

function problems(line: string): string {
  return parseCommandLine(line, specifiers)
    .problems.map(({ severity, message }) => `${severity}: ${message}`)
    .join('\n');
}

describe('command lines', () => {
  it('the example of the manual: no shell, and an escaped semicolon', () => {
    assert.deepEqual(argvs('echo / >/dev/null & \\; ls'), [['echo', '/', '>/dev/null', '&', ';', 'ls']]);
  });

  it('a lone semicolon separates commands', () => {
    assert.deepEqual(argvs('echo one ; echo "two two" ;'), [
      ['echo', 'one'],
      ['echo', 'two two'],
    ]);
    assert.deepEqual(argvs('echo a; b;c ";"'), [['echo', 'a;', 'b;c', ';']]);
  });

  it('specifiers are expanded after the words are split', () => {
    assert.deepEqual(argvs('/bin/echo %s "%p" 100%%'), [['/bin/echo', 'two words', 'web', '100%']]);
  });

  it('prefixes come in any order, each once', () => {
    const [command] = parseCommandLine('-:+@/usr//bin/./env other a', specifiers).commands;
    assert.deepEqual(command, {
      line: '-:+@/usr//bin/./env other a',
      path: '/usr/bin/env',
      argv: ['other', 'a'],
      ignoreFailure: true,
      literalVariables: true,
      privileged: true,
    });
    assert.equal(parseCommandLine('!!/bin/a', specifiers).commands[0]?.privileged, true);
    assert.match(problems('--/bin/a'), /relative path/);
    assert.match(problems('+!/bin/a'), /relative path/);
  });

  it('each command keeps its own line', () => {
    const { commands } = parseCommandLine('  /bin/a  b ;  -/bin/c  ', specifiers);
    assert.deepEqual(
      commands.map(({ line }) => line),
      ['/bin/a  b', '-/bin/c'],
    );
  });

  it('an escape that is none is passed on with a warning', () => {
    assert.match(problems('/bin/grep \\d+'), /^warning: \\d is no escape/);
    assert.deepEqual(parseCommandLine('/bin/grep \\d+', specifiers).commands[0]?.argv, ['/bin/grep', '\\d+']);
  });

  it('a program is an absolute path or a bare name', () => {
    assert.deepEqual(argvs('sleep 1'), [['sleep', '1']]);
    assert.match(problems('./run'), /relative path/);
    assert.match(problems('/usr/bin/'), /directory/);
    assert.match(problems('$PROGRAM x'), /variable/);
    assert.match(problems('-'), /no program/);
    assert.match(problems('@/bin/a'), /needs the name/);
    assert.match(problems('/bin/a %q "b'), /^error: the command line cannot be read: a " is never closed$/);
    assert.match(problems('/bin/a %q'), /%q is no specifier/);
  });

  it('any line is read without an exception', () => {
    const line = fc.string({ unit: fc.constantFrom(...'ab/\\"\' ;-@:+!$%{}\n') });
    fc.assert(fc.property(line, (text) => assert.ok(Array.isArray(parseCommandLine(text, specifiers).commands))));
  });
});

describe('variables', () => {
  const environment = { ONE: "'one'", TWO: "'two two' too", THREE: '', PLAIN: 'a  b' };

  it('the examples of the manual', () => {
    assert.deepEqual(substituteVariables(['${ONE}', '${TWO}', '${THREE}'], environment), [
      "'one'",
      "'two two' too",
      '',
    ]);
    assert.deepEqual(substituteVariables(['$ONE', '$TWO', '$THREE'], environment), ['one', 'two two', 'too']);
  });

  it('within a word only braces mean a variable', () => {
    assert.deepEqual(substituteVariables(['-x${PLAIN}y', 'x$PLAIN', '${UNSET}', '$UNSET'], environment), [
      '-xa  by',
      'x$PLAIN',
      '',
    ]);
  });

  it('two dollar signs are one, and stand for no variable', () => {
    assert.deepEqual(substituteVariables(['${A:-x}', '${A:+${B}}', '${A', '${A:$$}'], { A: 'a', B: 'b' }), [
      '${A:-x}',
      '${A:+b}',
      '${A',
      '${A:$}',
    ]);
    assert.deepEqual(substituteVariables(['$$', '$$ONE', '$${ONE}', 'a$$'], environment), [
      '$',
      '$ONE',
      '${ONE}',
      'a$',
    ]);
  });

  it('a value is never expanded again, and names of prototypes are unset', () => {
    assert.deepEqual(substituteVariables(['${A}', '${toString}'], { A: '${B}$$', B: 'x' }), ['${B}$$', '']);
  });

  it('words without a dollar sign stay as they are', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        const plain = words.map((word) => word.replaceAll('$', ''));
        assert.deepEqual(substituteVariables(plain, environment), plain);
      }),
    );
  });
});
