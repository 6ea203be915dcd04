import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteQueue } from './byteQueue.ts';

const part = fc.oneof(
  fc.uint8Array({ maxLength: 8 }),
  fc.integer({ min: 0, max: 9_000 }).map((length) => new Uint8Array(length).fill(length % 251)),
);
const step = fc.oneof(
  { weight: 4, arbitrary: part.map((bytes) => ({ kind: 'push' as const, bytes: Buffer.from(bytes) })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'shift' as const }) },
  { weight: 1, arbitrary: fc.nat(200).map((percent) => ({ kind: 'cut' as const, percent })) },
);

test('what comes out is what went in, in whatever parts either is done', () => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const queue = new ByteQueue();
    const taken: { buffer: Buffer; was: Buffer }[] = [];
    let waits = Buffer.alloc(0);
    for (const action of steps) {
      if (action.kind === 'push') {
        queue.push(action.bytes);
        waits = Buffer.concat([waits, action.bytes]);
        continue;
      }
      const bytes = action.kind === 'cut' ? Math.floor((waits.length * action.percent) / 200) : 0;
      const out = action.kind === 'shift' ? (queue.shift() ?? Buffer.alloc(0)) : queue.first(bytes).subarray(0, bytes);
      if (action.kind === 'cut') queue.drop(bytes);
      taken.push({ buffer: out, was: Buffer.from(out) });
      assert.ok(waits.subarray(0, out.length).equals(out));
      waits = waits.subarray(out.length);
      assert.equal(queue.length, waits.length);
    }
    // What was given away stays as it was, whatever comes later.
    for (const { buffer, was } of taken) assert.ok(buffer.equals(was));
  });
  fc.assert(property, { numRuns: 500 });
});

test('many small parts are few large ones', () => {
  const queue = new ByteQueue();
  for (let count = 0; count < 100_000; count++) queue.push(Buffer.from('a'));
  let parts = 0;
  while (queue.shift() !== undefined) parts += 1;
  assert.ok(parts < 30, `${parts} parts`);
});
