import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FlushTurns } from './flushTurns.ts';

test('of many that have something to write a part does so in each turn, in their order', async () => {
  const flushes = new FlushTurns();
  const written: number[] = [];
  const output = (number: number) => ({ flush: () => void written.push(number) });
  for (let number = 0; number < 8; number++) flushes.add(output(number));
  assert.deepEqual(written, []);
  await nextTurn();
  const few = written.length;
  assert.ok(few > 0 && few < 8, `${few} at once`);
  flushes.add(output(8));
  while (written.length < 9) await nextTurn();
  assert.deepEqual(written, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

test('one by itself waits for nobody, also when others came and went', async () => {
  const flushes = new FlushTurns();
  for (let round = 0; round < 3; round++) {
    const written: number[] = [];
    flushes.add({ flush: () => void written.push(round) });
    await new Promise<void>((resolve) => process.nextTick(resolve));
    assert.deepEqual(written, [round]);
  }
});
