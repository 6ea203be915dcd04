import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exited, simulateUnit } from './testing/unitSimulation.ts';

const notify = '[Service]\nType=notify\nExecStart=/main\n';
const watched = `${notify}WatchdogSec=10\n`;
const fork = '[Service]\nType=forking\nExecStart=/main\nPIDFile=/run/a.pid\n';
const name = 'a.service';

describe('a service that talks to its manager', { timeout: 20_000 }, () => {
  it('is up when it says READY=1, and its ExecStartPost= runs then', async () => {
    const unit = simulateUnit(`${notify}ExecStartPost=/post\n`);
    await unit.clock.advance(60_000);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main'], 'activating start success 1']);
    unit.host.say(name, 'READY=1\nSTATUS=42 clients');
    await unit.clock.advance(0);
    assert.deepEqual([unit.ran, unit.told().at(-1)], [['/main', '/post'], 'active running success 1']);
    assert.equal(unit.last()?.status, '42 clients');
  });

  it('that never says so has failed after TimeoutStartSec=', async () => {
    const unit = simulateUnit(`${notify}TimeoutStartSec=5\n`);
    await unit.clock.advance(4_999);
    assert.equal(unit.last()?.active, 'activating');
    await unit.clock.advance(1);
    assert.equal(unit.told().at(-1), 'failed failed timeout 1');
  });

  it('gets the time that it asks for, from when it asks', async () => {
    const unit = simulateUnit(`${notify}TimeoutStartSec=5\n`);
    await unit.clock.advance(4_000);
    unit.host.say(name, 'EXTEND_TIMEOUT_USEC=9000000');
    await unit.clock.advance(8_999);
    assert.equal(unit.last()?.active, 'activating');
    await unit.clock.advance(1);
    assert.equal(unit.last()?.result, 'timeout');
  });

  it('that ends well without having said so broke the protocol', async () => {
    const unit = simulateUnit(notify, { commands: { '/main': { ends: { afterMs: 5, exit: exited(0) } } } });
    await unit.clock.advance(5);
    assert.equal(unit.told().at(-1), 'failed failed protocol 1');
  });

  it('that fails before it is ready has the result of its end, with the errno that it said', async () => {
    const unit = simulateUnit(notify, { commands: { '/main': { ends: { afterMs: 5, exit: exited(1) } } } });
    await unit.clock.advance(1);
    unit.host.say(name, 'ERRNO=2');
    await unit.clock.advance(4);
    assert.equal(unit.told().at(-1), 'failed failed exit-code 1');
    assert.match(unit.reports.map(({ reason }) => reason).join('\n'), /status 1 \(it said ERRNO=2\)/);
  });

  it('is reloading between RELOADING=1 and READY=1', async () => {
    const unit = simulateUnit(`${notify}TimeoutStartSec=5\n`);
    await unit.clock.advance(0);
    for (const message of ['READY=1', 'RELOADING=1', 'READY=1', 'RELOADING=1']) {
      unit.host.say(name, message);
      await unit.clock.advance(1);
    }
    assert.deepEqual(unit.told().slice(-4), [
      'active running success 1',
      'reloading reload success 1',
      'active running success 1',
      'reloading reload success 1',
    ]);
    await unit.clock.advance(5_000);
    assert.deepEqual(unit.told(), ['active running success 1'], 'a reload that takes too long is not waited for');
  });

  it('that says STOPPING=1 is let end by itself, for TimeoutStopSec=', async () => {
    const unit = simulateUnit(`${notify}TimeoutStopSec=5\n`, { commands: { '/main': { ignores: ['SIGTERM'] } } });
    await unit.clock.advance(0);
    unit.host.say(name, 'READY=1');
    unit.host.say(name, 'STOPPING=1');
    await unit.clock.advance(4_999);
    assert.equal(unit.told().at(-1), 'deactivating stop-sigterm success 1');
    await unit.clock.advance(1);
    assert.equal(unit.told().at(-1), 'failed failed timeout 1');
  });

  it('lives as long as it says WATCHDOG=1 in time, and is then aborted', async () => {
    const unit = simulateUnit(watched);
    unit.host.say(name, 'READY=1');
    await unit.clock.advance(0);
    unit.host.say(name, 'READY=1');
    for (let round = 0; round < 10; round++) {
      await unit.clock.advance(9_999);
      unit.host.say(name, 'WATCHDOG=1');
    }
    await unit.clock.advance(9_999);
    assert.equal(unit.told().at(-1), 'active running success 1');
    await unit.clock.advance(1);
    assert.deepEqual(unit.told(), [
      'deactivating stop-watchdog watchdog 1',
      'deactivating stop-sigterm watchdog 1',
      'failed failed watchdog 1',
    ]);
    assert.deepEqual(unit.last()?.exit, { signal: 'SIGABRT' });
  });

  it('may say itself that it hangs', async () => {
    const unit = simulateUnit(watched);
    await unit.clock.advance(0);
    unit.host.say(name, 'READY=1');
    await unit.clock.advance(0);
    unit.host.say(name, 'WATCHDOG=trigger');
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'failed failed watchdog 1');
  });

  it('has TimeoutAbortSec= to die of the abort', async () => {
    const unit = simulateUnit(`${watched}TimeoutAbortSec=3\nWatchdogSignal=SIGUSR1\n`, {
      commands: { '/main': { ignores: ['SIGUSR1'] } },
    });
    await unit.clock.advance(0);
    unit.host.say(name, 'READY=1');
    await unit.clock.advance(12_999);
    assert.equal(unit.told().at(-1), 'deactivating stop-watchdog watchdog 1');
    await unit.clock.advance(1);
    assert.equal(unit.told().at(-1), 'failed failed watchdog 1');
    assert.deepEqual(unit.last()?.exit, { signal: 'SIGKILL' });
  });

  for (const [restart, comesBack] of [
    ['on-watchdog', true],
    ['on-abnormal', true],
    ['on-failure', true],
    ['always', true],
    ['on-abort', false],
    ['on-success', false],
    ['no', false],
  ] as const) {
    it(`that hangs is ${comesBack ? '' : 'not '}started again with Restart=${restart}`, async () => {
      const unit = simulateUnit(`${watched}Restart=${restart}\n`);
      await unit.clock.advance(0);
      unit.host.say(name, 'READY=1');
      await unit.clock.advance(10_200);
      assert.equal(unit.ran.length, comesBack ? 2 : 1);
    });
  }

  it('tells of its status now and then, however often it changes', async () => {
    const unit = simulateUnit(notify);
    await unit.clock.advance(0);
    unit.host.say(name, 'READY=1');
    for (let count = 0; count < 100; count++) {
      unit.host.say(name, `STATUS=${count} done`);
      await unit.clock.advance(100);
    }
    await unit.clock.advance(20_000);
    assert.ok(unit.reports.length < 10, `${unit.reports.length} reports`);
    assert.equal(unit.last()?.status, '99 done');
  });

  for (const [said, state] of [
    ['STATUS=x', 'activating start success 1'],
    ['READY=1', 'active running success 1'],
    ['READY=1|RELOADING=1', 'reloading reload success 1'],
    ['READY=1|STOPPING=1', 'deactivating stop-sigterm success 1'],
  ] as const) {
    it(`is adopted by the next agent as it stood after ${said}, whoever heard it`, async () => {
      const earlier = simulateUnit(notify);
      await earlier.clock.advance(0);
      earlier.unit.abandon();
      for (const message of said.split('|')) earlier.host.say(name, message);
      const unit = simulateUnit(notify, { earlier, input: { mayRun: true } });
      await unit.clock.advance(1);
      assert.equal(unit.told().at(-1), state);
      assert.deepEqual(unit.ran, ['/main']);
    });
  }

  it('that was adopted is given all of WatchdogSec= again, and no more', async () => {
    const earlier = simulateUnit(watched);
    await earlier.clock.advance(0);
    earlier.host.say(name, 'READY=1');
    await earlier.clock.advance(1);
    earlier.unit.abandon();
    await earlier.clock.advance(60_000);
    const unit = simulateUnit(watched, { earlier, input: { mayRun: true } });
    await unit.clock.advance(9_999);
    assert.equal(unit.told().at(-1), 'active running success 1');
    await unit.clock.advance(1);
    assert.equal(unit.told().at(-1), 'failed failed watchdog 1');
  });
});

describe('a service that forks away', { timeout: 20_000 }, () => {
  it('is up when its main process is known', async () => {
    const unit = simulateUnit(fork);
    await unit.clock.advance(1_000);
    assert.equal(unit.told().at(-1), 'activating start success 1');
    unit.host.say(name, 'READY=1\nMAINPID=77');
    await unit.clock.advance(0);
    assert.equal(unit.told().at(-1), 'active running success 1');
  });

  it('that leaves nothing behind has ended, or never wrote the pid file that it promised', async () => {
    for (const [text, end] of [
      [fork, 'failed failed protocol 1'],
      [fork.replace(/PIDFile=.*/, ''), 'inactive dead success 1'],
    ] as const) {
      const unit = simulateUnit(text, { commands: { '/main': { ends: { afterMs: 5, exit: exited(0) } } } });
      await unit.clock.advance(5);
      assert.equal(unit.told().at(-1), end);
    }
  });
});
