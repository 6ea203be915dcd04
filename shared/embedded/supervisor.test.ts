import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { type Running, supervise } from './supervisor.ts';

/** Processes that end when the test says so. */
function createWorkshop() {
  const clock = createSimulatedClock(0);
  const startedAt: number[] = [];
  const known: (number | null)[] = [];
  const lines: string[] = [];
  let end: (how: string) => void = () => {};
  let broken = false;
  const start = async (): Promise<Running> => {
    if (broken) throw new Error('no such program');
    startedAt.push(clock.monotonicNow());
    const exited = new Promise<string>((resolve) => {
      end = resolve;
    });
    return { pid: startedAt.length, exited, stop: async () => end('stopped') };
  };
  const onChange = async (running: Running | null) => {
    known.push(running?.pid ?? null);
  };
  return {
    clock,
    startedAt,
    known,
    lines,
    options: { name: 'scheduler 1', start, onChange, clock, progress: (line: string) => lines.push(line) },
    endNow: (how: string) => end(how),
    setBroken: (value: boolean) => {
      broken = value;
    },
  };
}

test('a process that keeps ending is started again at growing intervals, up to ten seconds', async () => {
  const shop = createWorkshop();
  const supervisor = await supervise(shop.options);
  for (let round = 0; round < 9; round++) {
    shop.endNow('exited with code 1');
    await shop.clock.advance(10_000);
  }
  const waited = shop.startedAt.slice(1).map((time, index) => time - index * 10_000);
  assert.deepEqual(waited, [200, 400, 800, 1600, 3_000, 3_000, 3_000, 3_000, 3_000]);
  assert.equal(shop.lines[0], 'scheduler 1 exited with code 1: starting it again in 0.2 s');
  await supervisor.stop();
});

test('a process that ran for long is started again at once', async () => {
  const shop = createWorkshop();
  const supervisor = await supervise(shop.options);
  for (let round = 0; round < 3; round++) {
    shop.endNow('was killed by SIGKILL');
    await shop.clock.advance(10_000);
  }
  await shop.clock.advance(30_000);
  shop.endNow('was killed by SIGKILL');
  await shop.clock.advance(200);
  assert.equal(shop.startedAt.length, 5);
  await supervisor.stop();
});

test('a start that fails is told and tried again; a first one that fails is the caller’s', async () => {
  const shop = createWorkshop();
  const supervisor = await supervise(shop.options);
  shop.setBroken(true);
  shop.endNow('exited with code 1');
  await shop.clock.advance(300);
  assert.match(shop.lines[1] ?? '', /no such program.*again in 0\.4 s/);
  shop.setBroken(false);
  await shop.clock.advance(400);
  assert.deepEqual(shop.known, [1, null, 2]);
  await supervisor.stop();

  const other = createWorkshop();
  other.setBroken(true);
  await assert.rejects(supervise(other.options), /no such program/);
});

test('after a stop nothing is started again, not even when it comes during a pause', async () => {
  const running = createWorkshop();
  const first = await supervise(running.options);
  await first.stop();
  const pausing = createWorkshop();
  const second = await supervise(pausing.options);
  pausing.endNow('exited with code 0');
  await pausing.clock.advance(100);
  await second.stop();
  for (const shop of [running, pausing]) {
    await shop.clock.advance(60_000);
    assert.deepEqual(shop.known, [1, null]);
  }
});
