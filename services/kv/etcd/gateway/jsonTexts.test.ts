import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJsonTexts } from './jsonTexts.ts';

const value = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()));

test('values that stand one behind the other are read, with whatever space between them', () => {
  const spaced = fc.tuple(value, fc.constantFrom('', ' ', '\n', '\r\n\t '));
  fc.assert(
    fc.property(fc.array(spaced), (parts) => {
      const text = parts.map(([each, space]) => `${JSON.stringify(each)}${space}`).join('');
      assert.deepEqual(parseJsonTexts(text), JSON.parse(JSON.stringify(parts.map(([each]) => each))));
    }),
  );
});

test('what is cut off, or no JSON, is refused', () => {
  for (const text of ['{', '{"a":1}{', '{"a":"}', 'x', '{} x', '}', '{}}', '[1}']) {
    assert.throws(() => parseJsonTexts(text), SyntaxError, text);
  }
});

test('nothing has no value', () => {
  assert.deepEqual(parseJsonTexts(' \n'), []);
});
