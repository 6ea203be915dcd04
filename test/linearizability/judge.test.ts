import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeKeySpace, judgeLock, type KeySpaceRecord } from './judge.ts';
import type { Change } from './watch.ts';

const change: Change = { revision: 2, type: 'put', key: 'k', value: '1' };
const input = { compare: [], success: [{ type: 'put' as const, key: 'k', value: '1' }], failure: [] };
const put = {
  process: 0,
  call: 0,
  input,
  outcome: { at: 1, output: { revision: 2, succeeded: true, results: [true] } },
};

const record: KeySpaceRecord = {
  operations: [put],
  changes: [
    { store: 'a', changes: [change] },
    { store: 'b', changes: [change] },
  ],
  watches: [{ startRevision: 1, covers: () => true, messages: [[change]], through: 2 }],
};

test('a key space whose answers, watches and stores agree is in order', () => {
  assert.deepEqual(judgeKeySpace(record), []);
});

test('a store that tells less than the others is named', () => {
  const [first] = record.changes;
  assert.ok(first);
  const problems = judgeKeySpace({ ...record, changes: [first, { store: 'b', changes: [] }] });
  assert.match(problems.join(), /^b tells another history than a: change 1 is missing/);
});

test('a store that tells more than the others is named', () => {
  const [first] = record.changes;
  assert.ok(first);
  const more = { ...change, revision: 3 };
  const problems = judgeKeySpace({ ...record, changes: [first, { store: 'b', changes: [change, more] }] });
  assert.match(problems.join(), /^b tells another history than a: change 2 is {"revision":3,.*, not missing/);
});

test('a watcher that missed something is numbered', () => {
  const watch = { startRevision: 1, covers: () => true, messages: [], through: 2 };
  assert.match(judgeKeySpace({ ...record, watches: [watch] }).join(), /^watcher 1: put k=1 @2 is missing/);
});

test('an order that does not exist is told with the operations that fit nowhere', () => {
  const stale = { ...put, call: 2, input: { ...input, success: [{ type: 'get' as const, key: 'k' }] } };
  const read = { ...stale, outcome: { at: 3, output: { revision: 2, succeeded: true, results: [null] } } };
  const problems = judgeKeySpace({ ...record, operations: [put, read] });
  assert.match(problems.join(), /1 operations have an order.*after which none of these fits.*"get"/s);
});

test('a lock that two hold is told', () => {
  const acquire = (lease: string, call: number, output: number) => {
    return { process: 0, call, input: { type: 'acquire' as const, lease }, outcome: { at: call + 1, output } };
  };
  assert.match(judgeLock([acquire('a', 0, 1), acquire('b', 2, 2)]).join(), /not linearizable/);
});
