import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { subjectMatches } from './subjectMatch.ts';

const token = fc.constantFrom('a', 'b', 'cc');
const subject = fc.array(token, { minLength: 1, maxLength: 4 });
const pattern = fc.tuple(fc.array(fc.constantFrom('a', 'b', 'cc', '*'), { maxLength: 4 }), fc.boolean());

test('property: a pattern matches what the regular expression of its tokens matches', () => {
  fc.assert(
    fc.property(pattern, subject, ([tokens, open], words) => {
      const parts = open ? [...tokens, '>'] : tokens;
      fc.pre(parts.length > 0);
      const source = parts.map((part) => (part === '>' ? '.+' : part === '*' ? '[^.]+' : part)).join('\\.');
      const expected = new RegExp(`^${source}$`).test(words.join('.'));
      assert.equal(subjectMatches(parts.join('.'), words.join('.')), expected);
    }),
  );
});
