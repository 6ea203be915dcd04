import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { containsKey, type Interval } from './interval.ts';
import { KeyIndex } from './keyIndex.ts';
import { anyBytes } from './testing/arbitraries.ts';

interface Entry {
  key: string;
  weight: number;
}

const traits = { keyOf: ({ key }: Entry) => key, weightOf: ({ weight }: Entry) => weight };

/** Dense enough that keys meet, and enough of them for three levels. */
const key = fc.nat(20_000).map((n) => n.toString(36));
const manyKeys = fc.uniqueArray(key, { minLength: 300, maxLength: 6_000, size: 'max' });

function indexOf(keys: readonly string[]): KeyIndex<Entry> {
  const index = new KeyIndex<Entry>(traits);
  for (const each of keys) index.update(each, () => entry(each));
  return index;
}

function entry(each: string): Entry {
  return { key: each, weight: each.length % 2 };
}

function keysIn(index: KeyIndex<Entry>, interval: Interval): string[] {
  const keys: string[] = [];
  index.scan(interval, (each) => keys.push(each.key) > 0);
  return keys;
}

function assertHolds(index: KeyIndex<Entry>, keys: Iterable<string>, interval: Interval): void {
  const expected = [...keys].filter((each) => containsKey(interval, each)).sort();
  assert.deepEqual(keysIn(index, interval), expected);
  assert.equal(
    index.weightIn(interval),
    expected.reduce((sum, each) => sum + (each.length % 2), 0),
  );
}

const everything: Interval = { from: '', to: null };

test('a scan gives the keys of an interval in order, and their weight is known', () => {
  const to = fc.option(key, { nil: null });
  fc.assert(
    fc.property(manyKeys, key, to, (keys, from, end) => {
      const index = indexOf(keys);
      assertHolds(index, keys, everything);
      assertHolds(index, keys, { from, to: end });
      for (const each of keys) assert.equal(index.get(each)?.key, each);
      assert.equal(index.get('no such key'), undefined);
    }),
    { numRuns: 20 },
  );
});

test('what is deleted is gone, and the rest is still found', () => {
  fc.assert(
    fc.property(manyKeys, fc.infiniteStream(fc.boolean()), (keys, stays) => {
      const index = indexOf(keys);
      const left = new Set(keys);
      for (const each of keys) {
        if (stays.next().value) continue;
        assert.equal(index.delete(each), true);
        assert.equal(index.delete(each), false);
        left.delete(each);
      }
      assertHolds(index, left, everything);
    }),
    { numRuns: 20 },
  );
});

test('what is left when most was deleted is found, in whatever order it went', () => {
  const keys = Array.from({ length: 20_000 }, (_, i) => i.toString().padStart(5, '0'));
  const stays = new Set(keys.filter((_, i) => i % 97 === 0));
  const gone = keys.filter((each) => !stays.has(each));
  for (const order of [gone, gone.toReversed(), gone.toSorted((a, b) => (a.slice(3) < b.slice(3) ? -1 : 1))]) {
    const index = indexOf(keys);
    for (const each of order) assert.equal(index.delete(each), true);
    assertHolds(index, stays, everything);
    for (const each of stays) assert.equal(index.get(each)?.key, each);
    for (const each of order) index.update(each, () => entry(each));
    assertHolds(index, keys, everything);
    assertHolds(index, keys, { from: '00100', to: '12345' });
  }
});

test('an index that was emptied can be filled again', () => {
  const keys = Array.from({ length: 10_000 }, (_, i) => `k${i}`);
  const index = indexOf(keys);
  for (const each of keys) index.delete(each);
  assertHolds(index, [], everything);
  for (const each of keys) index.update(each, () => entry(each));
  assertHolds(index, keys, everything);
});

test('an index made of sorted values is the same as one that was filled, and goes on the same', () => {
  fc.assert(
    fc.property(manyKeys, fc.array(key, { maxLength: 500 }), (keys, more) => {
      const index = KeyIndex.ofSorted(traits, keys.toSorted().map(entry));
      assertHolds(index, keys, everything);
      for (const each of more) index.update(each, () => entry(each));
      assertHolds(index, new Set([...keys, ...more]), everything);
    }),
    { numRuns: 20 },
  );
});

test('an index of nothing has nothing', () => {
  assertHolds(KeyIndex.ofSorted(traits, []), [], everything);
  assert.equal(new KeyIndex<Entry>(traits).get(''), undefined);
});

test('a value that is changed where it is changes the weight', () => {
  const index = indexOf(['a', 'b', 'c']);
  index.update('b', (old) => Object.assign(old ?? entry('b'), { weight: 40 }));
  assert.equal(index.weightIn(everything), 42);
  assert.equal(index.weightIn({ from: 'b', to: 'c' }), 40);
});

test('a scan ends where its visitor has enough, and goes on behind a key after changes', () => {
  const index = indexOf(['a', 'b', 'c', 'd']);
  const seen: string[] = [];
  index.scan(everything, (each) => seen.push(each.key) < 2);
  assert.deepEqual(seen, ['a', 'b']);
  index.delete('c');
  index.update('b\0x', () => entry('b\0x'));
  assert.deepEqual(keysIn(index, { from: 'b\0', to: null }), ['b\0x', 'd']);
});

test('keys are in the order of their bytes', () => {
  fc.assert(
    fc.property(fc.uniqueArray(anyBytes), (keys) => {
      const inBytes = keys.map((each) => Buffer.from(each, 'latin1')).sort(Buffer.compare);
      assert.deepEqual(
        keysIn(indexOf(keys), everything),
        inBytes.map((bytes) => bytes.toString('latin1')),
      );
    }),
  );
});
