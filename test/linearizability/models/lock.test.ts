import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLinearizable } from '../checker.ts';
import type { Operation } from '../history.ts';
import { type LockInput, type LockOutput, lock } from './lock.ts';

type LockOperation = Operation<LockInput, LockOutput>;

function op(
  type: LockInput['type'],
  lease: string,
  [call, at]: [number, number | null],
  output: LockOutput = null,
): LockOperation {
  return { process: 0, call, input: { type, lease }, outcome: at === null ? null : { at, output } };
}

const good: [what: string, history: LockOperation[]][] = [
  [
    'one holder after the other',
    [op('acquire', 'a', [0, 1], 5), op('release', 'a', [2, 3]), op('acquire', 'b', [0, 4], 6)],
  ],
  [
    'a lock that passes on while the release is under way',
    [op('acquire', 'a', [0, 1], 5), op('release', 'a', [2, 9]), op('acquire', 'b', [3, 4], 6)],
  ],
  [
    'a lease that ran out',
    [op('acquire', 'a', [0, 1], 5), op('expire', 'a', [5, null]), op('acquire', 'b', [2, 6], 7)],
  ],
  [
    'a holder that died without an answer',
    [op('acquire', 'a', [0, null]), op('expire', 'a', [5, null]), op('acquire', 'b', [2, 6], 7)],
  ],
  [
    'a release after the lease ran out',
    [
      op('acquire', 'a', [0, 1], 5),
      op('expire', 'a', [2, null]),
      op('acquire', 'b', [2, 3], 7),
      op('release', 'a', [4, 5]),
    ],
  ],
];

for (const [what, history] of good) {
  test(`accepted: ${what}`, () => {
    assert.equal(checkLinearizable(lock, history).result, 'linearizable');
  });
}

const bad: [what: string, history: LockOperation[]][] = [
  ['a double grant', [op('acquire', 'a', [0, 1], 5), op('acquire', 'b', [2, 3], 6)]],
  ['a double grant at once', [op('acquire', 'a', [0, 3], 5), op('acquire', 'b', [0, 3], 6)]],
  [
    'a lease that ran out too early',
    [op('acquire', 'a', [0, 1], 5), op('expire', 'a', [5, null]), op('acquire', 'b', [2, 3], 6)],
  ],
  [
    'a token that does not grow',
    [op('acquire', 'a', [0, 1], 5), op('release', 'a', [2, 3]), op('acquire', 'b', [4, 5], 5)],
  ],
  [
    'a grant before the release',
    [op('acquire', 'a', [0, 1], 5), op('acquire', 'b', [2, 3], 6), op('release', 'a', [4, 5])],
  ],
  [
    'a release by somebody else',
    [op('acquire', 'a', [0, 1], 5), op('release', 'b', [2, 3]), op('acquire', 'c', [4, 5], 6)],
  ],
];

for (const [what, history] of bad) {
  test(`found: ${what}`, () => {
    assert.equal(checkLinearizable(lock, history).result, 'violation');
  });
}
