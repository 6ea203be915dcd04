import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLinearizable } from '../checker.ts';
import type { Operation } from '../history.ts';
import { type KeyOp, type TxnInput, type TxnOutput, transactions, type Versioned } from './transactions.ts';

type Txn = Operation<TxnInput, TxnOutput>;

const get = (key: string): KeyOp => ({ type: 'get', key });
const put = (key: string, value: string): KeyOp => ({ type: 'put', key, value });
const remove = (key: string): KeyOp => ({ type: 'delete', key });

/** An operation at `time`, answered a moment later; `output` null: no answer. */
function at(time: number, input: Partial<TxnInput>, output: Partial<TxnOutput> | null): Txn {
  const told = output && { revision: 1, succeeded: true, results: [true], ...output };
  return {
    process: 0,
    call: time,
    input: { compare: [], success: [], failure: [], ...input },
    outcome: told && { at: time + 0.5, output: told },
  };
}

function found(value: string, createRevision: number, modRevision: number, version: number): { results: Versioned[] } {
  return { results: [{ value, createRevision, modRevision, version }] };
}

const first = at(1, { success: [put('a', '1')] }, { revision: 2 });
const second = at(2, { success: [put('a', '2')] }, { revision: 3 });
const both = at(1, { success: [put('a', '1'), put('b', '1')] }, { revision: 2, results: [true, true] });
const failing = (time: number, revision: number) =>
  at(
    time,
    { compare: [{ key: 'a', value: '9' }], success: [put('a', '7'), put('b', '7')], failure: [get('b')] },
    { succeeded: false, revision, results: [null] },
  );

const good: [what: string, history: Txn[]][] = [
  ['a put and what it left', [first, at(2, { success: [get('a')] }, { revision: 2, ...found('1', 2, 2, 1) })]],
  ['a second put', [first, second, at(3, { success: [get('a')] }, { revision: 3, ...found('2', 2, 3, 2) })]],
  [
    'revisions of others between ours',
    [
      first,
      at(2, { success: [put('a', '2')] }, { revision: 9 }),
      at(3, { success: [get('b')] }, { revision: 11, results: [null] }),
    ],
  ],
  [
    'a key that starts again after its deletion',
    [
      first,
      at(2, { success: [remove('a')] }, { revision: 3, results: [true] }),
      at(3, { success: [put('a', '2')] }, { revision: 4 }),
      at(4, { success: [get('a')] }, { revision: 4, ...found('2', 4, 4, 1) }),
    ],
  ],
  [
    'a transaction reads its own writes',
    [at(1, { success: [put('a', '1'), get('a')] }, { revision: 2, results: [true, ...found('1', 2, 2, 1).results] })],
  ],
  ['a failed comparison takes the other branch', [first, failing(2, 2)]],
  [
    'a write without an answer, seen with a revision that nobody told',
    [
      at(1, { success: [put('a', '1')] }, null),
      at(2, { success: [get('a')] }, { revision: 2, ...found('1', 2, 2, 1) }),
    ],
  ],
];

for (const [what, history] of good) {
  test(`accepted: ${what}`, () => {
    assert.equal(checkLinearizable(transactions, history).result, 'linearizable');
  });
}

const bad: [what: string, history: Txn[]][] = [
  [
    'a dirty read of a failed transaction',
    [first, failing(2, 2), at(3, { success: [get('b')] }, { revision: 2, ...found('7', 2, 2, 1) })],
  ],
  ['half a transaction', [both, at(2, { success: [get('b')] }, { revision: 2, results: [null] })]],
  [
    'two keys read in a state that never was',
    [
      both,
      at(2, { success: [put('a', '2'), put('b', '2')] }, { revision: 3, results: [true, true] }),
      at(
        3,
        { success: [get('a'), get('b')] },
        { revision: 3, results: [...found('2', 2, 3, 2).results, ...found('1', 2, 2, 1).results] },
      ),
    ],
  ],
  ['a revision given twice', [first, at(2, { success: [put('b', '1')] }, { revision: 2 })]],
  ['a revision that goes back', [first, second, at(3, { success: [get('b')] }, { revision: 2, results: [null] })]],
  [
    'a lost update shows in the version',
    [first, second, at(3, { success: [get('a')] }, { revision: 3, ...found('2', 2, 3, 1) })],
  ],
  [
    'the wrong branch',
    [
      first,
      at(
        2,
        { compare: [{ key: 'a', value: '1' }], failure: [get('a')] },
        { succeeded: false, revision: 2, ...found('1', 2, 2, 1) },
      ),
    ],
  ],
  [
    'a deletion that found nothing where something is',
    [first, at(2, { success: [remove('a')] }, { revision: 2, results: [false] })],
  ],
];

for (const [what, history] of bad) {
  test(`found: ${what}`, () => {
    assert.equal(checkLinearizable(transactions, history).result, 'violation');
  });
}
