import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { describe, test } from 'node:test';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { evolve } from '../../shared/domain/cluster.ts';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { MemorySchedulers } from '../../test/support/memorySchedulers.ts';
import { joined, placed, submission, submitted } from '../../test/support/samples.ts';
import { CopyWatch } from './copyWatch.ts';

const web = 'web.service';

/** A unit that has been moved from m1 to m2, and takes so long to stop. */
function moved(timeoutStop = '5s') {
  const text = `[Service]\nExecStart=/bin/main\nTimeoutStopSec=${timeoutStop}\n`;
  const move: ClusterEvent = { ...placed(web, 'm2'), type: 'UnitPlaced', awaits: 'm1' };
  const state = fold([joined('m1'), joined('m2'), submitted({ ...submission(web), text }), move]);
  const clock = createSimulatedClock(0);
  let calls = 0;
  const options = { clock, state: () => state, onEnded: () => void calls++ };
  const watch = new CopyWatch(options);
  const tell = (event: ClusterEvent) => evolve(state, event, { seq: 99, at: 99 });
  return { watch, clock, move, tell, calls: () => calls, next: () => new CopyWatch(options) };
}

const reasons = (watch: CopyWatch) =>
  watch.ended().map(({ unit, machine, reason }) => `${unit} on ${machine}: ${reason}`);

describe('a copy that a moved unit waits for', () => {
  test('is over when its machine says that it has it no more, and not before it knows', () => {
    const { watch, calls } = moved();
    watch.heard('m1', null);
    watch.heard('m1', [web]);
    watch.heard('m2', []);
    assert.deepEqual([reasons(watch), calls()], [[], 0]);
    watch.heard('m1', ['other.service']);
    assert.deepEqual(reasons(watch), [`${web} on m1: the machine says that it is gone`]);
    assert.equal(calls(), 1);
  });

  test('is not waited for where the agent is of a version that cannot say', () => {
    const { watch } = moved();
    watch.heard('m1', undefined);
    assert.deepEqual(reasons(watch), [`${web} on m1: the agent there is too old to say when it is gone`]);
  });

  test('is given up when it should have stopped for long; the next leader counts anew', async () => {
    const { watch, clock, next } = moved();
    assert.deepEqual(reasons(watch), []);
    await clock.advance(19_000);
    const successor = next();
    assert.deepEqual(reasons(successor), []);
    await clock.advance(1_000);
    assert.deepEqual(reasons(watch), [`${web} on m1: it should have stopped there within 20 s`]);
    await clock.advance(18_000);
    assert.deepEqual(reasons(successor), []);
    await clock.advance(1_000);
    assert.equal(successor.ended().length, 1);
  });

  test('is waited for as long as it takes where the unit says so', async () => {
    const { watch, clock } = moved('infinity');
    watch.ended();
    await clock.advance(24 * 3_600_000);
    assert.deepEqual(reasons(watch), []);
  });

  test('is another one when it is moved from there again: what was said before does not count', async () => {
    const { watch, clock, move, tell } = moved();
    watch.heard('m1', []);
    await clock.advance(19_000);
    tell({ type: 'UnitAwaitEnded', unit: web, machine: 'm1', reason: 'gone' });
    tell(placed(web, 'm1'));
    tell({ type: 'UnitEvicted', unit: web, machine: 'm1', reason: 'because' });
    tell(move);
    assert.deepEqual(reasons(watch), []);
    await clock.advance(19_000);
    assert.deepEqual(reasons(watch), []);
  });
});

describe('the scheduler', () => {
  /** A unit that runs on m1 of two machines. */
  async function cluster(t: TestContext): Promise<MemorySchedulers> {
    const schedulers = new MemorySchedulers(t);
    await schedulers.start('s1');
    await schedulers.join('m1');
    const text = '[Service]\nExecStart=/bin/main\nTimeoutStopSec=1s\n';
    await schedulers.command({ type: 'StartUnits', units: [{ name: web, text }] });
    await schedulers.join('m2');
    return schedulers;
  }
  const newest = ({ assignments }: MemorySchedulers, machine: string) =>
    assignments.filter((one) => one.machine === machine).at(-1);
  const awaitedBy = (schedulers: MemorySchedulers) => newest(schedulers, 'm2')?.units[0]?.awaits;

  test('tells the machine that a unit was moved to for whom it waits, and when that is over', async (t) => {
    const schedulers = await cluster(t);
    await schedulers.command({ type: 'MoveUnits', units: [{ name: web }], reason: 'because' });
    assert.equal(awaitedBy(schedulers), 'm1');
    const { version = 0 } = newest(schedulers, 'm1') ?? {};
    await schedulers.beat('m1', { assignment: version - 1, leaving: [] });
    await schedulers.pass(100, 'm2');
    assert.equal(awaitedBy(schedulers), 'm1', 'it has not taken up yet that it has lost the unit');
    await schedulers.beat('m1', { assignment: version, leaving: [] });
    await schedulers.clock.advance(1);
    assert.deepEqual([newest(schedulers, 'm2')?.units.length, awaitedBy(schedulers)], [1, undefined]);
    const events = (await schedulers.commits()).flatMap(({ events: all }) => all);
    assert.equal(events.filter(({ type }) => type === 'UnitAwaitEnded').length, 1);
  });

  test('believes no machine that it has not sent yet what the log has given back already', async (t) => {
    const schedulers = await cluster(t);
    const { version = 0 } = newest(schedulers, 'm1') ?? {};
    schedulers.running[0]?.log.loseNextAnswer('stored');
    const moved = schedulers.command({ type: 'MoveUnits', units: [{ name: web }], reason: 'because' });
    await schedulers.clock.advance(1);
    assert.equal((await schedulers.commits()).at(-1)?.events.at(-1)?.type, 'UnitPlaced');
    await schedulers.beat('m1', { assignment: version, leaving: [] });
    await schedulers.pass(5_000, 'm1', 'm2');
    assert.equal((await moved).ok, true);
    assert.equal(awaitedBy(schedulers), 'm1');
  });

  test('does not let a unit wait for a machine that is lost', async (t) => {
    const schedulers = await cluster(t);
    await schedulers.command({ type: 'MoveUnits', units: [{ name: web }], reason: 'because' });
    await schedulers.pass(2_600, 'm2');
    const last = (await schedulers.commits()).at(-1)?.events.map(({ type }) => type);
    assert.deepEqual([last, awaitedBy(schedulers)], [['MachineLost', 'UnitAwaitEnded'], undefined]);
  });

  test('gives a copy up that is not gone in its time, though its machine is well', async (t) => {
    const schedulers = await cluster(t);
    await schedulers.command({ type: 'MoveUnits', units: [{ name: web }], reason: 'because' });
    const { version = 0 } = newest(schedulers, 'm1') ?? {};
    const pass = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 500) {
        await schedulers.beat('m1', { assignment: version, leaving: [web] });
        await schedulers.pass(500, 'm2');
      }
    };
    await pass(11_000);
    assert.equal(awaitedBy(schedulers), 'm1');
    await pass(2_000);
    assert.equal(awaitedBy(schedulers), undefined);
  });
});
