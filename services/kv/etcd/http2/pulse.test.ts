import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Pulse } from './pulse.ts';

test('one ping is under way at a time, however much data comes', async () => {
  let pings = 0;
  const pulse = new Pulse(() => {
    pings++;
  });
  const receive = async () => {
    pulse.beat();
    for (let turn = 0; turn < 5; turn++) await nextTurn();
  };
  await receive();
  await receive();
  assert.equal(pings, 1);
  pulse.answered();
  await receive();
  await receive();
  assert.equal(pings, 2);
});
