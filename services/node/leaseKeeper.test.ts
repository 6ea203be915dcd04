import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { LeaseKeeper } from './leaseKeeper.ts';

const terms = { graceMs: 2_000, stopMs: 1_000 };

function keeper(renewedAt?: number, onChange: () => void = () => undefined) {
  const clock = createSimulatedClock(0);
  const told: string[] = [];
  let stopped = false;
  const changes: string[][] = [];
  const leases = new LeaseKeeper({
    clock,
    ...(renewedAt === undefined ? {} : { renewedAt: clock.monotonicNow() + renewedAt }),
    onChange: ({ holders }) => {
      onChange();
      changes.push([...holders.keys()]);
    },
  });
  const add = () =>
    leases.add('a.service', {
      terms,
      hash: 'h',
      suspend: () => told.push(`suspend ${clock.monotonicNow()}`),
      expel: () => told.push(`expel ${clock.monotonicNow()}`),
      resume: () => told.push(`resume ${clock.monotonicNow()}`),
      isStopped: () => stopped,
    });
  const stop = (value: boolean) => {
    stopped = value;
  };
  return { clock, leases, add, changes, stop, start: clock.monotonicNow(), told: () => told.splice(0) };
}

describe('a unit with a lease', () => {
  test('runs while heartbeats are answered', async () => {
    const { clock, leases, add, told } = keeper(0);
    add();
    for (let beats = 0; beats < 20; beats++) {
      await clock.advance(500);
      leases.renew(clock.monotonicNow());
    }
    assert.deepEqual(told(), []);
    assert.ok(leases.mayRun(terms));
  });

  test('is stopped after its grace and killed until it is gone, counted from when the heartbeat was sent', async () => {
    const { clock, leases, add, stop, start, told } = keeper(200);
    await clock.advance(700);
    add();
    await clock.advance(4_000);
    stop(true);
    await clock.advance(10_000);
    const killed = [3_200, 3_700, 4_200, 4_700].map((ms) => `expel ${start + ms}`);
    assert.deepEqual(told(), [`suspend ${start + 2_200}`, ...killed]);
    assert.ok(!leases.mayRun(terms));
  });

  test('runs again as soon as the machine is heard', async () => {
    const { clock, leases, add, start, told } = keeper(0);
    add();
    await clock.advance(2_500);
    leases.renew(start + 2_400);
    assert.deepEqual(told(), [`suspend ${start + 2_000}`, `resume ${start + 2_500}`]);
    await clock.advance(1_900);
    assert.deepEqual(told(), [`suspend ${start + 4_400}`]);
  });

  test('does not run before the machine has been heard at all', async () => {
    const { leases, add, start, told } = keeper();
    add();
    assert.deepEqual(told().slice(0, 1), [`suspend ${start}`]);
    assert.ok(!leases.mayRun(terms));
  });

  test('an older answer that comes late takes nothing back', async () => {
    const { clock, leases, add, start, told } = keeper(0);
    add();
    await clock.advance(1_000);
    leases.renew(start + 1_000);
    leases.renew(start + 100);
    await clock.advance(1_900);
    assert.deepEqual(told(), []);
  });

  test('does not begin on what is left of another one’s lease, which nobody has prolonged since', async () => {
    const { clock, leases, add, stop, start, told } = keeper(0);
    stop(true);
    add();
    leases.remove('a.service');
    leases.renew(start + 100);
    await clock.advance(1_900);
    assert.ok(!leases.mayRun(terms));
    add();
    leases.renew(start + 1_800);
    assert.deepEqual(told(), [`suspend ${start + 1_900}`, `resume ${start + 1_900}`]);
  });

  test('goes on with the lease that an earlier agent left', async () => {
    const { clock, add, start, told } = keeper(-500);
    add();
    await clock.advance(1_499);
    assert.deepEqual(told(), []);
    await clock.advance(1);
    assert.deepEqual(told(), [`suspend ${start + 1_500}`]);
  });
});

test('what has to be known without the agent is told at each renewal, and when units come and go', () => {
  const { leases, add, changes, start } = keeper();
  leases.renew(start + 1);
  assert.deepEqual(changes, []);
  add();
  leases.renew(start + 2);
  leases.remove('a.service');
  leases.remove('a.service');
  assert.deepEqual(changes, [['a.service'], ['a.service'], []]);
});

test('is renewed only where that can be written down, and not run before it is written down itself', async () => {
  let isFull = true;
  const { clock, leases, add, start, told } = keeper(0, () => {
    if (isFull) throw new Error('no space left on device');
  });
  add();
  assert.deepEqual(told(), [`suspend ${start}`]);
  isFull = false;
  await clock.advance(500);
  leases.renew(start + 500);
  assert.deepEqual(told(), [`resume ${start + 500}`]);
  isFull = true;
  await clock.advance(500);
  leases.renew(start + 1_000);
  await clock.advance(2_000);
  assert.deepEqual(told(), [`suspend ${start + 2_500}`]);
});
