import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonTexts } from './jsonTexts.ts';

const value = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()));
const parsed = (text: string) => [...jsonTexts(text)].map((each) => JSON.parse(each));

test('values that stand one behind the other are read, with whatever space between them', () => {
  const spaced = fc.tuple(value, fc.constantFrom('', ' ', '\n', '\r\n\t '));
  fc.assert(
    fc.property(fc.array(spaced), (parts) => {
      const text = parts.map(([each, space]) => `${JSON.stringify(each)}${space}`).join('');
      const whole = parts.map(([each]) => JSON.parse(JSON.stringify(each), exactly));
      assert.deepEqual(parsed(text), whole);
    }),
  );
});

/** What is written as a long whole number is read as a string. */
function exactly(_key: string, each: unknown): unknown {
  return typeof each === 'number' && /^-?\d{16,}$/.test(String(each)) ? String(each) : each;
}

test('long whole numbers keep all their digits, and what looks like one within a string stays', () => {
  const text = '{"ID":7587869393939393939,"a":[-9223372036854775808,1234567890123456.5],"b":"\\"7587869393939393939"}';
  assert.deepEqual(parsed(text), [
    {
      ID: '7587869393939393939',
      a: ['-9223372036854775808', 1234567890123456.5],
      b: '"7587869393939393939',
    },
  ]);
});

test('what is cut off, or no JSON, is refused', () => {
  for (const text of ['{', '{"a":1}{', '{"a":"}', 'x', '{} x', '}', '{}}', '[1}', '['.repeat(200)]) {
    assert.throws(() => parsed(text), SyntaxError, text);
  }
});

test('of many texts only those are read that are asked for', () => {
  const texts = jsonTexts(`{}${'['.repeat(200)}`);
  assert.equal(texts.next().value, '{}');
});

test('nothing has no value', () => {
  assert.deepEqual(parsed(' \n'), []);
});
