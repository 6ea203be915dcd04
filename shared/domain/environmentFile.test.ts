import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvironmentFile } from './environmentFile.ts';

const cases: [title: string, text: string, environment: Record<string, string>][] = [
  ['assignments, comments and empty lines', 'A=1\n\n# B=2\n ; C=3\n\tD=4 \r\nE=', { A: '1', D: '4', E: '' }],
  ['blanks around name and value', ' A = v w \n', { A: 'v w' }],
  ['the last assignment counts', 'A=1\nA=2\n', { A: '2' }],
  ['what is no assignment is passed over', 'export A=1\n1B=2\nC\n=x\nD=4', { D: '4' }],
  ['single quotes keep everything', String.raw`A=' \n"x"$ '`, { A: String.raw` \n"x"$ ` }],
  ['double quotes and their escapes', String.raw`A=" \"\\\$\x "`, { A: String.raw` "\$\x ` }],
  ['line ends in quotes count, or are taken away', 'A="x\ny\\\nz"\nB=\'x\ny\'', { A: 'x\nyz', B: 'x\ny' }],
  ['pieces are put together', 'A="x "\'y \' z', { A: 'x y z' }],
  ['quotes inside an unquoted value are ordinary', 'A=x"y z"', { A: 'x"y z"' }],
  ['a backslash continues an unquoted line, or protects a blank', 'A=x\\\ny\\ \nB=1', { A: 'xy ', B: '1' }],
  ['quotes that are never closed end with the file', 'A="x\nB=1', { A: 'x\nB=1' }],
  ['nothing at all', '', {}],
];

for (const [title, text, environment] of cases) {
  test(title, () => assert.deepEqual(parseEnvironmentFile(text), environment));
}
