import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyRange, Permission } from '../../../shared/domain/kv.ts';
import { containsKey, toInterval } from './interval.ts';
import { coverageOf, covers } from './permissions.ts';

function mayRead(permissions: readonly KeyRange[], wanted: KeyRange): boolean {
  const all = permissions.map((range): Permission => ({ access: 'read', ...range }));
  return covers(coverageOf(all).read, toInterval(wanted));
}

test('permissions that touch or overlap allow a range together', () => {
  const permissions = [
    { key: 'c', rangeEnd: 'e' },
    { key: 'a', rangeEnd: 'c' },
    { key: 'b', rangeEnd: 'b5' },
  ];
  assert.ok(mayRead(permissions, { key: 'a', rangeEnd: 'e' }));
  assert.ok(!mayRead(permissions, { key: 'a', rangeEnd: 'f' }));
  assert.ok(!mayRead(permissions, { key: 'a', rangeEnd: '\0' }));
});

test('a permission without an end allows all that follows', () => {
  assert.ok(mayRead([{ key: 'b', rangeEnd: '\0' }], { key: 'c', rangeEnd: '\0' }));
  assert.ok(!mayRead([{ key: 'b', rangeEnd: '\0' }], { key: 'a', rangeEnd: '\0' }));
});

test('a permission for one key allows no other', () => {
  assert.ok(mayRead([{ key: 'a' }], { key: 'a' }));
  assert.ok(!mayRead([{ key: 'a' }], { key: 'a\0' }));
  assert.ok(mayRead([{ key: 'a' }], { key: 'a', rangeEnd: 'a\0' }));
});

test('a permission that ends before it begins allows nothing', () => {
  assert.ok(!mayRead([{ key: 'z', rangeEnd: 'a' }], { key: 'b' }));
});

test('reading and writing are allowed apart', () => {
  const { read, write } = coverageOf([
    { access: 'readwrite', key: 'a' },
    { access: 'write', key: 'b' },
  ]);
  assert.ok(covers(read, toInterval({ key: 'a' })) && covers(write, toInterval({ key: 'a' })));
  assert.ok(!covers(read, toInterval({ key: 'b' })) && covers(write, toInterval({ key: 'b' })));
});

test('a range is allowed when each of its keys is', () => {
  const key = fc.nat(26).map((n) => n.toString(3).padStart(3, '0'));
  const all = Array.from({ length: 27 }, (_, n) => n.toString(3).padStart(3, '0'));
  const range = fc.record({ key, rangeEnd: key }).filter((each) => each.key < each.rangeEnd);
  fc.assert(
    fc.property(fc.array(range), range, (permissions, wanted) => {
      const wantedKeys = all.filter((each) => containsKey(toInterval(wanted), each));
      const each = wantedKeys.every((it) => permissions.some((allowed) => containsKey(toInterval(allowed), it)));
      assert.equal(mayRead(permissions, wanted), each);
    }),
    { numRuns: 1000 },
  );
});
