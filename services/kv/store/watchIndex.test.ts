import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KeyRange } from '../../../shared/domain/kv.ts';
import { containsKey, toInterval } from './interval.ts';
import { WatchIndex } from './watchIndex.ts';

const key = fc.nat(60).map((n) => n.toString(3));
const range: fc.Arbitrary<KeyRange> = fc.oneof(
  fc.record({ key }),
  fc.record({ key, rangeEnd: fc.oneof({ weight: 5, arbitrary: key }, fc.constant('\0')) }),
);

function concerned(index: WatchIndex<number>, changed: string): number[] {
  const found: number[] = [];
  index.visit(changed, (member) => found.push(member));
  return found.sort((a, b) => a - b);
}

test('a change finds exactly those whose range has its key', () => {
  fc.assert(
    fc.property(fc.array(range, { maxLength: 200, size: 'max' }), fc.nat(200), key, (ranges, removed, changed) => {
      const index = new WatchIndex<number>();
      ranges.forEach((each, member) => {
        index.add(each, member);
      });
      ranges.slice(0, removed).forEach((each, member) => {
        index.remove(each, member);
      });
      const expected = ranges.flatMap((each, member) =>
        member >= removed && containsKey(toInterval(each), changed) ? [member] : [],
      );
      assert.deepEqual(concerned(index, changed), expected);
      ranges.slice(removed).forEach((each, i) => {
        index.remove(each, i + removed);
      });
      assert.equal(index.isEmpty, true);
    }),
  );
});

test('a hundred thousand prefixes cost a change nothing that concerns none of them', () => {
  const index = new WatchIndex<number>();
  for (let i = 0; i < 100_000; i++) index.add({ key: `/p${i}/`, rangeEnd: `/p${i}0` }, i);
  let visited = 0;
  const started = process.cpuUsage().user;
  for (let i = 0; i < 10_000; i++) {
    index.visit(`/p${i}/x`, () => {
      visited++;
    });
    index.visit(`/q${i}`, () => {
      visited++;
    });
  }
  assert.equal(visited, 10_000);
  // 20,000 looks at every range would take many seconds.
  assert.ok(process.cpuUsage().user - started < 2_000_000);
});

test('removing what is not there changes nothing', () => {
  const index = new WatchIndex<number>();
  index.add({ key: 'a', rangeEnd: 'c' }, 1);
  index.remove({ key: 'a', rangeEnd: 'd' }, 1);
  index.remove({ key: 'b' }, 1);
  assert.deepEqual(concerned(index, 'b'), [1]);
});
