import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { shield, unshield } from './shield.ts';

const argument = fc.string().map((text) => text.replaceAll('\0', ''));

test('nothing that was typed looks like a number to the parser, and all of it comes back', () => {
  const typed = fc.oneof(
    fc.constantFrom('Infinity', 'NaN', '0x1f', ' ', ''),
    fc.double().map(String),
    fc.integer().map(String),
    argument,
  );
  fc.assert(
    fc.property(fc.array(typed.filter((text) => !text.startsWith('-'))), (args) => {
      const shielded = shield(args);
      assert.ok(shielded.every((text) => Number.isNaN(Number(text))));
      assert.deepEqual(unshield(shielded), args);
    }),
  );
});

test('what follows -- is no option any more, and comes back as it was', () => {
  fc.assert(
    fc.property(fc.array(argument), (operands) => {
      const shielded = shield(['cat', '--', ...operands]);
      assert.ok(shielded.every((text) => !text.startsWith('-')));
      assert.deepEqual(unshield(shielded), ['cat', ...operands]);
    }),
  );
});

test('values after = are kept, empty ones too', () => {
  assert.deepEqual(unshield(shield(['--dir=']).map((text) => text.split('=')[1])), ['']);
  assert.deepEqual(unshield(shield(['--machine-id=0123']).map((text) => text.split('=')[1])), ['0123']);
});

test('a count may stand right at its letter', () => {
  assert.deepEqual(unshield(shield(['-n20', '-f'])), ['-n', '20', '-f']);
});
