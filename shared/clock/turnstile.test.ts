import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './systemClock.ts';
import { createTurnstile } from './turnstile.ts';

test('those who wait pass in order, and a timer that is due by then comes in between', async () => {
  const ownTurn = createTurnstile(systemClock);
  const seen: string[] = [];
  setTimeout(() => seen.push('timer'), 1);
  const pass = async (name: string) => {
    await ownTurn();
    seen.push(name);
    holdTheLoop(5);
  };
  await Promise.all(['a', 'b', 'c'].map(pass));
  assert.deepEqual(
    seen.filter((name) => name !== 'timer'),
    ['a', 'b', 'c'],
  );
  assert.ok(seen.indexOf('timer') < seen.indexOf('b'), seen.join(' '));
  assert.ok(seen.includes('timer'));
});

function holdTheLoop(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
