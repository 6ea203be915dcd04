import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createMemoryNetwork } from '../../shared/bus/memoryBus.ts';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { AnswerTimes, startHeartbeat } from './heartbeat.ts';

const intervalMs = 500;

/** A machine that beats, and a leader that takes `answerMs` for the heartbeat with this number, from 0; null: for ever. */
async function beatFor(ms: number, answerMs: (count: number) => number | null) {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const beats: Heartbeat[] = [];
  const replies: { sentAt: number; at: number }[] = [];
  const missed: { times: number; at: number }[] = [];
  const errors: unknown[] = [];
  network.connect().subscribe(subjects.allHeartbeats, ({ data, respond }) => {
    const delayMs = answerMs(beats.push(decodeJson<Heartbeat>(data)) - 1);
    const answer = encodeJson({ ok: true, assignment: 0, resync: false });
    if (delayMs !== null) clock.setTimeout(() => respond(answer), delayMs);
  });
  const stop = startHeartbeat({
    ...{ machine: 'm1', bus: network.connect(), clock, intervalMs },
    times: new AnswerTimes(),
    beat: () => ({ session: 's1', assignment: 0, digest: '', held: [], leaving: [] }),
    onNews: () => () => undefined,
    onReply: (_, sentAt) => void replies.push({ sentAt, at: clock.monotonicNow() }),
    onMissed: (times) => void missed.push({ times, at: clock.monotonicNow() }),
    onError: (error) => void errors.push(error),
  });
  await clock.advance(ms);
  stop();
  assert.deepEqual(errors, []);
  return { beats, replies, missed };
}

describe('heartbeats', () => {
  test('are missed when nobody has answered for four intervals', async () => {
    const { missed, replies } = await beatFor(3_200, () => null);
    assert.deepEqual(replies, []);
    const [first, second, third] = [2_000, 2_500, 3_000].map((at, index) => ({ times: index + 1, at }));
    assert.deepEqual(missed, [first, second, third]);
  });

  test('that were missed count when their answer comes, from when they were sent', async () => {
    const { missed, replies, beats } = await beatFor(20_000, () => 3_000);
    const takenMs = replies.map(({ sentAt, at }) => Math.round(at - sentAt));
    assert.ok(replies.length > 30);
    assert.deepEqual(new Set(takenMs), new Set([3_000]));
    assert.equal(beats.at(-1)?.answeredInMs, 3_000);
    const inARow = missed.filter(({ at }) => at > 4_000).map(({ times }) => times);
    assert.equal(Math.max(...inARow), 1, 'each answer shows that somebody leads');
  });

  test('that were overtaken have nothing to say any more', async () => {
    const { replies, missed } = await beatFor(5_000, (count) => (count === 2 ? 1_200 : 100));
    const sent = replies.map(({ sentAt }) => sentAt);
    assert.deepEqual(
      sent,
      sent.toSorted((a, b) => a - b),
    );
    assert.equal(sent.includes(2 * intervalMs), false);
    assert.deepEqual(missed, []);
  });
});
