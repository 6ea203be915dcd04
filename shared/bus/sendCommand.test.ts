import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import type { Command, CommandReply } from '../protocol/commands.ts';
import { decodeJson, encodeJson } from '../protocol/json.ts';
import { subjects } from '../protocol/subjects.ts';
import { NoLeaderError } from './askPatiently.ts';
import { BusClosedError } from './bus.ts';
import { createMemoryNetwork } from './memoryBus.ts';
import { sendCommand } from './sendCommand.ts';

const command: Command = { type: 'StopUnits', units: [{ name: 'a.service' }], id: 'c1', by: 'me@here' };
const notLeading: CommandReply = { ok: false, code: 'not-leading', message: '', details: [] };

function createScene(t: TestContext) {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const bus = network.connect();
  const retries: string[] = [];
  const asked: string[] = [];
  t.after(() => bus.close());
  return {
    ...{ clock, bus, retries, asked },
    /** A scheduler that gives these answers, one after the other; null is silence. */
    answer(...replies: (CommandReply | null)[]) {
      return network.connect().subscribe(subjects.clusterCommands, (message) => {
        asked.push(decodeJson<Command>(message.data).id);
        const reply = replies.shift();
        if (reply) message.respond(encodeJson(reply));
      });
    },
    serve: (handle: (respond: (reply: CommandReply) => void) => void) =>
      network
        .connect()
        .subscribe(subjects.clusterCommands, (message) => handle((reply) => message.respond(encodeJson(reply)))),
    send: (timeoutMs: number, signal?: AbortSignal) =>
      sendCommand(command, {
        ...{ bus, clock, timeoutMs, attemptMs: 1_000 },
        onRetry: (reason) => retries.push(reason),
        ...(signal ? { signal } : {}),
      }),
  };
}

test('the answer of who leads is the answer, a refusal too', async (t) => {
  const scene = createScene(t);
  const refusal: CommandReply = { ok: false, code: 'unit-not-found', message: 'no', details: [] };
  scene.answer({ ok: true, seq: 7 }, refusal);
  assert.deepEqual(await scene.send(1_000), { ok: true, seq: 7 });
  assert.deepEqual(await scene.send(1_000), refusal);
  assert.deepEqual(scene.retries, []);
});

test('while nobody leads, or answers, it is given again with the same id', async (t) => {
  const scene = createScene(t);
  const sent = scene.send(10_000);
  await scene.clock.advance(100);
  scene.answer(notLeading, null, { ok: true, seq: 7 });
  await scene.clock.advance(3_000);
  assert.deepEqual(await sent, { ok: true, seq: 7 });
  assert.deepEqual(scene.asked, ['c1', 'c1', 'c1']);
  assert.deepEqual(scene.retries, [
    'no scheduler leads',
    'no scheduler leads',
    'the scheduler that was asked no longer leads',
    'the scheduler does not answer',
  ]);
});

test('an answer that takes longer than a try counts, whichever try it is to', async (t) => {
  const scene = createScene(t);
  const { clock } = scene;
  let count = 0;
  scene.serve((respond) => {
    const seq = ++count;
    clock.setTimeout(() => respond({ ok: true, seq }), 3_500);
  });
  const sent = scene.send(10_000);
  await clock.advance(3_500);
  assert.deepEqual(await sent, { ok: true, seq: 1 });
  assert.equal(count, 3, 'it is given again all the same');
  assert.deepEqual(new Set(scene.retries), new Set(['the scheduler does not answer']));
});

test('who does not answer is asked again soon, and then less and less often', async (t) => {
  const scene = createScene(t);
  const { clock } = scene;
  const askedAt: number[] = [];
  scene.serve(() => askedAt.push(clock.now()));
  const sent = assert.rejects(scene.send(20_000), NoLeaderError);
  await clock.advance(20_000);
  await sent;
  assert.deepEqual(askedAt, [0, 1_050, 3_150, 7_350, 12_750, 18_250]);
});

test('when the time is over it says why nobody answered', async (t) => {
  const scene = createScene(t);
  const sent = assert.rejects(
    scene.send(2_000),
    (error) => error instanceof NoLeaderError && error.message === 'no scheduler leads',
  );
  await scene.clock.advance(2_000);
  await sent;
  assert.equal(scene.retries.length, 6);
});

test('no attempt outlasts the time that there is in all', async (t) => {
  const scene = createScene(t);
  scene.answer(null);
  const sent = assert.rejects(scene.send(300), NoLeaderError);
  await scene.clock.advance(300);
  await sent;
});

test('it gives up when it is told to', async (t) => {
  const scene = createScene(t);
  const stop = new AbortController();
  const sent = assert.rejects(scene.send(60_000, stop.signal), NoLeaderError);
  await scene.clock.advance(100);
  stop.abort();
  await scene.clock.advance(0);
  await sent;
});

test('a closed bus is not something to wait for', async (t) => {
  const scene = createScene(t);
  await scene.bus.close();
  await assert.rejects(scene.send(60_000), BusClosedError);
});
