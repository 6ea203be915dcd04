import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { arrayOf, bytesOf, bytesOfText, leaseFromHex, leaseToHex, prefixRange, textOfBytes } from './kvKeys.ts';

const bytes = fc.uint8Array({ maxLength: 20 }).map(bytesOf);
const edgy = fc
  .array(fc.constantFrom(0, 1, 97, 254, 255), { maxLength: 4 })
  .map((codes) => bytesOf(Uint8Array.from(codes)));

describe('bytes', () => {
  test('of a text are its UTF-8, and read back as the text', () => {
    assert.equal(bytesOfText('é'), '\u00c3\u00a9');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => assert.equal(textOfBytes(bytesOfText(text)), text)),
    );
  });
  test('that are no UTF-8 are no text', () => assert.equal(textOfBytes('\u00ff'), null));
  test('are the same as an array', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), (array) => assert.deepEqual(arrayOf(bytesOf(array)), array)),
    );
  });
});

test('the range of a prefix has exactly the keys that begin with it', () => {
  fc.assert(
    fc.property(fc.oneof(bytes, edgy), fc.oneof(bytes, edgy), fc.boolean(), (prefix, other, begins) => {
      const key = begins ? prefix + other : other;
      if (key === '') return;
      const range = prefixRange(prefix);
      const isIn = key >= range.key && (range.rangeEnd === '\0' || key < range.rangeEnd);
      assert.equal(isIn, key.startsWith(prefix));
    }),
  );
});

describe('a lease', () => {
  test('is written in hexadecimal, and read back', () => {
    assert.equal(leaseToHex('3632527005850847750'), '32695410dcc0ca06');
    assert.equal(leaseToHex('-1'), 'f'.repeat(16));
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (lease) =>
        assert.equal(leaseFromHex(leaseToHex(String(lease))), String(lease)),
      ),
    );
  });
  test('that is no hexadecimal, or too long, is none', () => {
    for (const text of ['', 'xyz', '-1', '0x1', 'f'.repeat(17)]) assert.equal(leaseFromHex(text), null);
  });
});
