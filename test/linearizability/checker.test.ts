import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { checkLinearizable } from './checker.ts';
import type { Operation } from './history.ts';
import { type RegisterInput, type RegisterOutput, registers } from './models/register.ts';
import { isLinearizableByBruteForce } from './testing/bruteForce.ts';
import { linearizableHistories, type RegisterOperation } from './testing/simulatedHistories.ts';

const put = (value: string): RegisterInput => ({ type: 'put', key: 'k', value });
const get: RegisterInput = { type: 'get', key: 'k' };
const cas = (expected: string | null, value: string): RegisterInput => ({ type: 'cas', key: 'k', expected, value });

/** From `call` to `at`; null: no answer. */
function op(
  [call, at]: [number, number | null],
  input: RegisterInput,
  output: RegisterOutput = true,
): RegisterOperation {
  return { process: 0, call, input, outcome: at === null ? null : { at, output } };
}

const good: [what: string, history: RegisterOperation[]][] = [
  ['nothing', []],
  ['one after the other', [op([0, 1], put('1')), op([2, 3], get, '1')]],
  ['a read beside a write may see the old value', [op([0, 9], put('1')), op([1, 2], get, null)]],
  ['a read beside a write may see the new value', [op([0, 9], put('1')), op([1, 2], get, '1')]],
  ['calls at the moment of an answer overlap it', [op([0, 1], put('1')), op([1, 2], get, null)]],
  [
    'two writes at once may end in either order',
    [op([0, 5], put('1')), op([0, 5], put('2')), op([6, 7], get, '1'), op([8, 9], get, '1')],
  ],
  ['a write without an answer may have happened', [op([0, null], put('1')), op([5, 6], get, '1')]],
  ['a write without an answer may not have happened', [op([0, null], put('1')), op([5, 6], get, null)]],
  [
    'a write without an answer may happen much later',
    [op([0, null], put('1')), op([1, 2], put('2')), op([3, 4], get, '2'), op([5, 6], get, '1')],
  ],
  ['of two compare-and-sets one succeeds', [op([0, 3], cas(null, '1'), false), op([0, 3], cas(null, '2'), true)]],
];

for (const [what, history] of good) {
  test(`accepted: ${what}`, () => {
    assert.equal(checkLinearizable(registers, history).result, 'linearizable');
  });
}

const bad: [what: string, history: RegisterOperation[]][] = [
  ['a stale read', [op([0, 1], put('1')), op([2, 3], put('2')), op([4, 5], get, '1')]],
  ['a read of what nobody wrote', [op([0, 1], put('1')), op([2, 3], get, '7')]],
  ['a lost update', [op([0, 1], put('1')), op([2, 3], get, null)]],
  ['a value that comes and goes', [op([0, 9], put('1')), op([1, 2], get, '1'), op([3, 4], get, null)]],
  [
    'readers that disagree about the order of two writes',
    [op([0, 1], put('1')), op([2, 9], put('2')), op([2, 9], put('3')), op([10, 11], get, '2'), op([12, 13], get, '3')],
  ],
  ['a compare-and-set won twice', [op([0, 3], cas(null, '1'), true), op([0, 3], cas(null, '2'), true)]],
  [
    'an effect before its cause: a write without an answer is read before it is sent',
    [op([0, 1], get, '1'), op([2, null], put('1'))],
  ],
  [
    'a write without an answer that happens twice',
    [op([0, null], put('1')), op([1, 2], get, '1'), op([3, 4], put('2')), op([5, 6], get, '2'), op([7, 8], get, '1')],
  ],
];

for (const [what, history] of bad) {
  test(`found: ${what}`, () => {
    const { result, evidence } = checkLinearizable(registers, history);
    assert.equal(result, 'violation');
    assert.ok(evidence && evidence.stuck.length > 0, 'something is said to fit nowhere');
  });
}

test('keys are judged apart, and a violation names its key', () => {
  const other: RegisterOperation = { ...op([0, 1], get, null), input: { type: 'get', key: 'other' } };
  const { result, evidence } = checkLinearizable(registers, [other, op([2, 3], get, '1')]);
  assert.equal(result, 'violation');
  assert.equal(evidence?.part, 'k');
});

test('a search that is not allowed enough steps is undecided, not linearizable', () => {
  const history = [op([0, 1], put('1')), op([2, 3], get, '1')];
  assert.equal(checkLinearizable(registers, history, { maxSteps: 1 }).result, 'undecided');
  assert.equal(checkLinearizable(registers, history, { maxSteps: 2 }).result, 'linearizable');
});

test('what fits nowhere is named, after the longest order of what fits', () => {
  const [first, second, stale] = [op([0, 1], put('1')), op([2, 3], put('2')), op([4, 5], get, '1')];
  const { evidence } = checkLinearizable(registers, [first, second, stale]);
  assert.deepEqual(evidence, { part: 'k', order: [first, second], stuck: [stale] });
});

test('a history of ten thousand operations of ten clients is judged in few steps', () => {
  const history = Array.from({ length: 10_000 }, (_, index): RegisterOperation => {
    const call = Math.floor(index / 10) * 10 + (index % 10) * 0.1;
    return { ...op([call, call + 5], put(String(index))), process: index % 10 };
  });
  const { result, steps } = checkLinearizable(registers, [...history, op([1e6, 1e6 + 1], get, '9999')]);
  assert.equal(result, 'linearizable');
  assert.ok(steps < 100_000, `${steps} steps`);
});

test('every history of a linearizable register is accepted', () => {
  fc.assert(
    fc.property(linearizableHistories({ clients: 6, mostEach: 30 }), (history) => {
      assert.equal(checkLinearizable(registers, history).result, 'linearizable');
    }),
    { numRuns: 300 },
  );
});

test('with one answer changed the verdict is that of trying every order', () => {
  let violations = 0;
  fc.assert(
    fc.property(linearizableHistories({ clients: 3, mostEach: 3 }), fc.nat(), fc.nat(), (history, which, how) => {
      const changed = withOneAnswerChanged(history, which, how);
      const expected = isLinearizableByBruteForce(registers, changed);
      if (!expected) violations++;
      assert.equal(checkLinearizable(registers, changed).result, expected ? 'linearizable' : 'violation');
    }),
    { numRuns: 1_000 },
  );
  assert.ok(violations > 100, `${violations} of them were violations`);
});

function withOneAnswerChanged(history: RegisterOperation[], which: number, how: number): RegisterOperation[] {
  return history.map((operation, index) => {
    if (history.length === 0 || index !== which % history.length || operation.outcome === null) return operation;
    return { ...operation, outcome: { ...operation.outcome, output: otherOutput(operation, how) } };
  });
}

function otherOutput({ input }: Operation<RegisterInput, RegisterOutput>, how: number): RegisterOutput {
  if (input.type !== 'get') return how % 2 === 0;
  return ['1', '2', '3', null][how % 4] ?? null;
}
