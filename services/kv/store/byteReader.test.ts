import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, SnapshotError } from './byteReader.ts';
import { ByteWriter } from './byteWriter.ts';
import { anyBytes } from './testing/arbitraries.ts';

type Item = { number: number } | { bytes: string } | { text: string };

const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ number: fc.oneof(fc.maxSafeNat(), fc.nat(300)) }),
  fc.record({ bytes: anyBytes }),
  fc.record({ text: fc.string({ unit: 'grapheme' }) }),
);

function written(items: readonly Item[], chunkSize: number): Uint8Array[] {
  const writer = new ByteWriter(chunkSize);
  for (const each of items) {
    if ('number' in each) writer.number(each.number);
    else if ('bytes' in each) writer.bytes(each.bytes);
    else writer.text(each.text);
  }
  return [...writer.takeFull(), writer.takeRest()];
}

function read(reader: ByteReader, like: Item): Item {
  if ('number' in like) return { number: reader.number() };
  return 'bytes' in like ? { bytes: reader.bytes() } : { text: reader.text() };
}

test('what was written is read, whatever the size of the chunks', () => {
  fc.assert(
    fc.property(
      fc.array(item),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 20 }),
      (items, size, other) => {
        const chunks = written(items, size);
        assert.ok(chunks.every((chunk) => chunk.length <= size));
        const whole = Buffer.concat(chunks);
        const cutAnew = Array.from({ length: Math.ceil(whole.length / other) }, (_, i) =>
          whole.subarray(i * other, (i + 1) * other),
        );
        const reader = new ByteReader(cutAnew);
        for (const each of items) assert.deepEqual(read(reader, each), { ...each });
        reader.end();
      },
    ),
  );
});

test('an end in the middle is noticed', () => {
  const [chunk] = written([{ bytes: 'abc' }], 100);
  assert.ok(chunk);
  for (let length = 0; length < chunk.length; length++) {
    assert.throws(() => new ByteReader([chunk.subarray(0, length)]).bytes(), SnapshotError);
  }
});

test('more than was expected is noticed, and a number that is none', () => {
  assert.throws(() => new ByteReader([Buffer.from([1])]).end(), SnapshotError);
  assert.throws(() => new ByteReader([Buffer.alloc(20, 0xff)]).number(), SnapshotError);
});
