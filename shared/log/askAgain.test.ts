import assert from 'node:assert/strict';
import { test } from 'node:test';
import { delay } from '../clock/clock.ts';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { askAgain } from './askAgain.ts';

/** Asks three times, every 2 s, where each question is answered after so many ms; null: it gets lost. */
async function asked(...answersAfterMs: (number | null)[]) {
  const clock = createSimulatedClock(0);
  const questions: { atMs: number; timeoutMs: number }[] = [];
  const ask = async (timeoutMs: number) => {
    const afterMs = answersAfterMs[questions.length] ?? null;
    questions.push({ atMs: clock.monotonicNow(), timeoutMs });
    const number = questions.length;
    if (afterMs !== null && afterMs < timeoutMs) {
      await delay(clock, afterMs);
      return number;
    }
    await delay(clock, timeoutMs);
    throw new Error(`no answer within ${timeoutMs} ms`);
  };
  const end = askAgain(ask, { clock, everyMs: 2_000, times: 3 }).then(
    (answer) => ({ answer, atMs: clock.monotonicNow() }),
    (error: Error) => ({ error: error.message, atMs: clock.monotonicNow() }),
  );
  await clock.advance(20_000);
  return { ...(await end), askedAtMs: questions.map(({ atMs }) => atMs) };
}

test('an answer in time is the end of it', async () => {
  assert.deepEqual(await asked(500), { answer: 1, atMs: 500, askedAtMs: [0] });
});

test('an answer that takes longer than the patience for one counts all the same', async () => {
  assert.deepEqual(await asked(2_300, 2_300, 2_300), { answer: 1, atMs: 2_300, askedAtMs: [0, 2_000] });
});

test('what got lost is asked again', async () => {
  assert.deepEqual(await asked(null, 500), { answer: 2, atMs: 2_500, askedAtMs: [0, 2_000] });
});

test('it ends when nothing is answered', async () => {
  const { error, ...rest } = { error: '', ...(await asked(null, null, null)) };
  assert.match(error, /^no answer within/);
  assert.deepEqual(rest, { atMs: 6_000, askedAtMs: [0, 2_000, 4_000] });
});

test('a refusal is an answer', async () => {
  const clock = createSimulatedClock(0);
  let questions = 0;
  const refuse = async () => {
    questions++;
    throw new Error('refused');
  };
  await assert.rejects(askAgain(refuse, { clock, everyMs: 2_000, times: 3 }), /refused/);
  await clock.advance(10_000);
  assert.equal(questions, 1);
});
