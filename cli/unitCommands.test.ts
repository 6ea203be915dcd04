import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { chunksOf } from './unitCommands.ts';

const limit = { units: 5, bytes: 100 };
const unit = fc.record({ name: fc.string({ maxLength: 20 }), text: fc.string({ maxLength: 150 }) });

test('chunks hold all units in their order, each within the limits unless one unit alone is larger', () => {
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const chunks = chunksOf(units, limit);
      assert.deepEqual(chunks.flat(), units);
      for (const chunk of chunks) {
        const bytes = chunk.reduce((sum, { name, text }) => sum + name.length + Buffer.byteLength(text ?? ''), 0);
        assert.ok(chunk.length === 1 || (chunk.length <= limit.units && bytes <= limit.bytes));
      }
    }),
  );
});

test('no more chunks are made than needed', () => {
  const units = Array.from({ length: 11 }, (_, index) => ({ name: String(index) }));
  assert.deepEqual(
    chunksOf(units, limit).map((chunk) => chunk.length),
    [5, 5, 1],
  );
});
