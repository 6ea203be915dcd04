import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Operation } from './history.ts';
import type { KeyOp, TxnInput, TxnOutput } from './models/transactions.ts';
import { settle } from './settle.ts';
import type { Change } from './watch.ts';

type Txn = Operation<TxnInput, TxnOutput>;

const put = (value: string): KeyOp => ({ type: 'put', key: 'k', value });
const remove: KeyOp = { type: 'delete', key: 'k' };
const change = (revision: number, value: string): Change => ({ revision, type: 'put', key: 'k', value });
const deletion = (revision: number): Change => ({ revision, type: 'delete', key: 'k', value: '' });

function lost(input: Partial<TxnInput>): Txn {
  return { process: 1, call: 1, input: { compare: [], success: [], failure: [], ...input }, outcome: null };
}

function done(ops: KeyOp[], revision: number): Txn {
  const output = { revision, succeeded: true, results: ops.map(() => true) };
  return { ...lost({ success: ops }), outcome: { at: 2, output } };
}

test('a lost write that is in no history has not happened', () => {
  assert.deepEqual(settle([lost({ success: [put('1')] })], []), { history: [], problems: [] });
});

test('a lost write that is in the history has happened at its revision, nobody knows when', () => {
  const write = lost({ compare: [{ key: 'k', value: '0' }], success: [put('1')], failure: [put('2')] });
  const { history, problems } = settle([write], [change(7, '2')]);
  const output = { revision: 7, succeeded: false, results: null };
  assert.deepEqual(history, [{ ...write, outcome: { at: Number.POSITIVE_INFINITY, output } }]);
  assert.deepEqual(problems, []);
});

test('a lost deletion stays lost where the history has one that nobody was told of', () => {
  const [write, removal] = [done([put('1')], 2), lost({ success: [remove] })];
  assert.deepEqual(settle([write, removal], [change(2, '1'), deletion(3)]).history, [write, removal]);
});

test('a lost deletion has not happened where every deletion was told of', () => {
  const [write, told] = [done([put('1')], 2), done([remove], 3)];
  assert.deepEqual(settle([write, told, lost({ success: [remove] })], [change(2, '1'), deletion(3)]).history, [
    write,
    told,
  ]);
});

test('an acknowledged write that the history does not have is a problem', () => {
  assert.match(settle([done([put('1')], 2)], []).problems.join(), /k=1 was acknowledged at revision 2, but is not/);
  assert.match(settle([done([put('1')], 2)], [change(3, '1')]).problems.join(), /k=1 was acknowledged at revision 2/);
});

test('a change that nobody asked for is a problem', () => {
  assert.match(settle([], [change(2, '1')]).problems.join(), /put k=1 at revision 2 was asked by nobody/);
});
