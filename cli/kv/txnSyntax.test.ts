import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTxn } from './txnSyntax.ts';

test('comparisons of every kind, then, and else', () => {
  const text = `mod("a") > "0"
value("b c") = "say \\"hi\\""
ver(d) != 2
create("e") < "7"
lease("f") = "1f"

put "b c" "two words"
get x --limit=1 --prefix

del y --prev-kv

`;
  const request = parseTxn(text);
  assert.deepEqual(request.compare, [
    { key: 'a', target: 'mod', result: 'greater', number: 0 },
    { key: 'b c', target: 'value', result: 'equal', value: 'say "hi"' },
    { key: 'd', target: 'version', result: 'not-equal', number: 2 },
    { key: 'e', target: 'create', result: 'less', number: 7 },
    { key: 'f', target: 'lease', result: 'equal', lease: '31' },
  ]);
  const [put, get] = request.success;
  assert.ok(put?.type === 'Put' && put.key === 'b c' && put.value === 'two words');
  assert.ok(get?.type === 'Range' && get.limit === 1 && get.rangeEnd === 'y');
  const [del] = request.failure;
  assert.ok(del?.type === 'DeleteRange' && del.prevKv);
});

test('parts may be empty, or not be there', () => {
  assert.deepEqual(parseTxn(''), { compare: [], success: [], failure: [] });
  assert.equal(parseTxn('\n\nput a b\n').failure.length, 1);
});

test('options have their values behind = or in the next word, and -- ends them', () => {
  const [first, second] = parseTxn('\nput a b --lease 1f\nput k -- --v\n').success;
  assert.ok(first?.type === 'Put' && first.lease === '31');
  assert.ok(second?.type === 'Put' && second.value === '--v');
});

test('what is wrong is said with its line', () => {
  const cases: [text: string, says: RegExp][] = [
    ['put', /line 1: "put" is no comparison/],
    ['mod("a") = "x"', /line 1: .*whole number/],
    ['\nfrobnicate a', /line 2: "frobnicate" is none of/],
    ['\n\nput a', /line 3: put needs a value/],
    ['\nput a "b', /line 2: a quotation mark is not closed/],
    ['\nget a --limt=1', /line 2: .*did you mean --limit/],
    ['\nget a --limit=x', /line 2: --limit takes a whole number/],
    ['\n\n\nget a', /line 4: there are only three parts/],
  ];
  for (const [text, says] of cases) assert.throws(() => parseTxn(text), says);
});
