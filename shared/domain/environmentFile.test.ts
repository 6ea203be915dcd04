import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseEnvironmentFile } from './environmentFile.ts';

/** systemd.exec(5), "EnvironmentFile=", sentence by sentence. */
const cases: [title: string, text: string, Record<string, string>][] = [
  ['assignments, one a line', 'A=1\nB=two\n', { A: '1', B: 'two' }],
  ['a last line that does not end', 'A=1', { A: '1' }],
  ['line ends of another system', 'A=1\r\nB=2\r\n', { A: '1', B: '2' }],
  ['no empty lines, comments, or lines without =', '\n# A=1\n ; B=2\nC\nD=4\n', { D: '4' }],
  ['no names that are none', '1A=1\nexport B=2\n=3\nA-B=4\nC=5', { C: '5' }],
  ['the last of several assignments', 'A=1\nA=2\n', { A: '2' }],
  ['empty values', 'A=\nB=  \nC=""\n', { A: '', B: '', C: '' }],
  ['blanks around, and keeps those within', '  A =  a  b \t\n', { A: 'a  b' }],
  ['# within a value', 'A=a #b\n', { A: 'a #b' }],
  ['dollar signs as they stand', 'A=$HOME\n', { A: '$HOME' }],
  ['quotes after the first character as they stand', 'A=it\'s\nB=a"b c"\n', { A: "it's", B: 'a"b c"' }],
  ['a backslash before any character', 'A=a\\b\\\\c\\"\nB=\\ b\\ \n', { A: 'ab\\c"', B: ' b ' }],
  ['a backslash at the end of a line', 'A=a\\\n  b\nB=1\\\n', { A: 'a  b', B: '1' }],
  ['single quotes, verbatim, over several lines', "A=' a\\b\n\"c' \n", { A: ' a\\b\n"c' }],
  ['double quotes, with the escapes of a shell', 'A=" \\"a\\\\b\\$c\\`d\\ne "\n', { A: ' "a\\b$c`d\\ne ' }],
  ['double quotes over several lines', 'A="a\nb\\\nc"\n', { A: 'a\nbc' }],
  ['quoted parts one after the other', 'A="a" \'b\' c d\n', { A: 'abc d' }],
  ['quotes that are never closed, to the end', 'A="a\nB=\'b', { A: "a\nB='b" }],
];

describe('an environment file', () => {
  for (const [title, text, environment] of cases) {
    it(`is read with ${title}`, () => assert.deepEqual(parseEnvironmentFile(text), environment));
  }

  it('gives back any value that was quoted', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab \t\n\r#;=\'"\\$`é') });
    fc.assert(
      fc.property(text, text, (a, b) => {
        const single = `'${a.replaceAll("'", `'"'"'`)}'`;
        const double = `"${b.replace(/["\\$`]/g, '\\$&')}"`;
        assert.deepEqual(parseEnvironmentFile(`A=${single}\nB=${double}\n`), { A: a, B: b });
      }),
    );
  });

  it('cannot reach beyond the environment', () => {
    const environment = parseEnvironmentFile('__proto__=a\nconstructor=b\n');
    assert.deepEqual(Object.entries(environment), [
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ]);
  });
});
