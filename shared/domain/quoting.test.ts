import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { splitWords } from './quoting.ts';

/** Writes a word so that it is read back, in one of the ways that people write it. */
const writers: ((word: string) => string)[] = [
  (word) => `"${word.replace(/[\\"]/g, '\\$&')}"`,
  (word) => `'${word.replace(/[\\']/g, '\\$&')}'`,
  (word) => Array.from(new TextEncoder().encode(word), (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
  (word) => Array.from(new TextEncoder().encode(word), (byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  (word) => Array.from(word, (char) => `\\U${(char.codePointAt(0) ?? 0).toString(16).padStart(8, '0')}`).join(''),
];

describe('words and quotes', () => {
  it('whatever can be written can be read back', () => {
    const word = fc.string({ unit: 'binary', minLength: 1 }).filter((text) => !text.includes('\0'));
    const written = fc.tuple(word, fc.constantFrom(...writers)).map(([text, write]) => ({ text, line: write(text) }));
    fc.assert(
      fc.property(fc.array(written), fc.constantFrom(' ', '\t \n'), (words, blank) => {
        const line = words.map((each) => each.line).join(blank);
        assert.deepEqual(splitWords(line, 'decode'), { words: words.map(({ text }) => text) });
      }),
    );
  });

  it('quotes may begin and end within a word', () => {
    assert.deepEqual(splitWords(`a"b c"d '' "it's"`, 'decode').words, ['ab cd', '', "it's"]);
  });

  it('simple escapes stand for their characters', () => {
    assert.deepEqual(splitWords('\\a\\b\\f\\n\\r\\t\\v\\s\\\\', 'decode').words, ['\x07\b\f\n\r\t\v \\']);
  });

  it('an escape that is none is an error, unless it may stay', () => {
    for (const text of ['\\d', '\\x4', '\\400', '\\000', '\\ud800', '\\U00110000', '\\']) {
      assert.match(splitWords(text, 'decode').error ?? '', /is no escape/, text);
      assert.deepEqual(splitWords(text, 'lenient'), { words: [text] });
    }
  });

  it('backslashes are kept, or dropped, where they are no escapes', () => {
    assert.deepEqual(splitWords('a\\x2db "c d"', 'keep').words, ['a\\x2db', 'c d']);
    assert.deepEqual(splitWords('a\\ b \\"c "d e', 'drop').words, ['a b', '"c', 'd e']);
  });

  it('an open quote, and bytes that are no text, are errors', () => {
    assert.match(splitWords('a "b', 'decode').error ?? '', /never closed/);
    assert.match(splitWords('\\xff\\xfe', 'decode').error ?? '', /UTF-8/);
  });

  it('any text is read without an exception', () => {
    const mode = fc.constantFrom('decode' as const, 'lenient' as const, 'keep' as const, 'drop' as const);
    const text = fc.string({ unit: fc.constantFrom(...'ab\\"\' x41u7;$%\n') });
    fc.assert(fc.property(text, mode, (input, how) => assert.ok(Array.isArray(splitWords(input, how).words))));
  });
});
