import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseMetadata } from './node.ts';

test('any pairs that can be written come back', () => {
  const key = fc.stringMatching(/^[a-z][a-z0-9_.-]*$/);
  const value = fc.stringMatching(/^[a-z0-9=:/.-]*$/);
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([name]) => name }), (pairs) => {
      const text = pairs.map(([name, content]) => `${name}=${content}`).join(', ');
      assert.deepEqual(parseMetadata(text), Object.fromEntries(pairs));
    }),
  );
});

test('what is no pair, or a key twice, is a usage error', () => {
  assert.throws(() => parseMetadata('zone'), { name: 'UsageError', message: /"zone" is not of the form key=value/ });
  assert.throws(() => parseMetadata('=a'), { name: 'UsageError' });
  assert.throws(() => parseMetadata('a=1,a=2'), { name: 'UsageError', message: /names a twice/ });
});
