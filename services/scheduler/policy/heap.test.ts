import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Heap } from './heap.ts';

const numbers = fc.array(fc.nat(20), { maxLength: 40 });

test('what is taken comes out in order, whatever was removed from the middle before', () => {
  fc.assert(
    fc.property(numbers, fc.array(fc.nat(40), { maxLength: 10 }), (items, removals) => {
      const heap = new Heap<number>((a, b) => a - b);
      for (const item of items) heap.put(item);
      const left = [...items].sort((a, b) => a - b);
      for (const index of removals) {
        const removed = heap.removeAt(index);
        if (removed !== undefined) left.splice(left.indexOf(removed), 1);
      }
      assert.equal(heap.size, left.length);
      assert.deepEqual(
        Array.from(left, () => heap.take()),
        left,
      );
      assert.equal(heap.take(), undefined);
    }),
  );
});

test('it tells where each item is', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(100), { maxLength: 40 }), fc.nat(40), (items, index) => {
      const places = new Map<number, number>();
      const heap = new Heap<number>(
        (a, b) => a - b,
        (item, at) => places.set(item, at),
      );
      for (const item of items) heap.put(item);
      const removed = heap.removeAt(index);
      if (removed !== undefined) places.delete(removed);
      for (const [item, at] of places) assert.equal(heap.at(at), item);
      assert.equal(heap.least, places.size === 0 ? undefined : Math.min(...places.keys()));
    }),
  );
});
