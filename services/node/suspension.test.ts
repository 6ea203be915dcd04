import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ends, exited, simulateUnit } from './testing/unitSimulation.ts';

const text = '[Service]\nExecStart=/main\nTimeoutStopSec=5\n';
const stubborn = { '/main': { ignores: ['SIGTERM'] } };

describe('a unit whose lease has run out', () => {
  test('is stopped in order, says why, and runs again when it may', async () => {
    const unit = simulateUnit(text);
    await unit.clock.advance(10);
    unit.unit.suspend('nobody answers');
    await unit.clock.advance(10);
    assert.deepEqual(unit.host.running(), []);
    assert.equal(unit.last()?.sub, 'waiting');
    assert.ok(unit.reports.some(({ reason }) => reason === 'nobody answers'));
    unit.unit.resume();
    await unit.clock.advance(10);
    assert.equal(unit.host.running().length, 1);
  });

  test('is on its way up, and does not seem to have ended, until its machine has a lease for the first time', async () => {
    const unit = simulateUnit(text, { input: { suspended: true } });
    await unit.clock.advance(10);
    assert.deepEqual(unit.told(), ['activating waiting success 1']);
    assert.match(unit.last()?.reason ?? '', /waiting for an answer to its machine's heartbeats/);
    unit.unit.resume();
    await unit.clock.advance(10);
    assert.equal(unit.last()?.sub, 'running');
  });

  test('is killed when it has not stopped in time, and nothing else is run for it', async () => {
    const post = simulateUnit(`${text}ExecStopPost=/post\n`, { commands: stubborn });
    await post.clock.advance(10);
    post.unit.suspend('nobody answers');
    await post.clock.advance(1_000);
    assert.equal(post.host.running().length, 1);
    post.unit.expel();
    await post.clock.advance(10);
    assert.deepEqual(post.host.running(), []);
    assert.ok(post.unit.stopped);
    assert.deepEqual(post.ran, ['/main']);
  });

  test('is not started by what is wished of it, nor by Restart=, until it is resumed', async () => {
    const unit = simulateUnit(`${text}Restart=always\n`, { input: { suspended: true } });
    await unit.clock.advance(1_000);
    unit.restart();
    await unit.clock.advance(1_000);
    assert.deepEqual(unit.ran, []);
    unit.unit.resume();
    await unit.clock.advance(10);
    assert.deepEqual(unit.ran, ['/main']);
    unit.unit.suspend('nobody answers');
    await unit.clock.advance(10_000);
    assert.deepEqual(unit.host.running(), []);
  });

  test('stays at rest afterwards when it was at rest before', async () => {
    const unit = simulateUnit(text, { commands: { '/main': ends(exited(1)) } });
    await unit.clock.advance(10);
    assert.equal(unit.last()?.sub, 'failed');
    unit.unit.suspend('nobody answers');
    unit.unit.resume();
    await unit.clock.advance(10);
    assert.deepEqual(unit.ran, ['/main']);
  });

  test('is not started when its lease ran out while the start was prepared', async () => {
    let mayStart = true;
    const slow = { '/main': { startDelayMs: 5_000 } };
    const unit = simulateUnit(text, { commands: slow, input: { mayStart: () => mayStart } });
    await unit.clock.advance(1_000);
    mayStart = false;
    unit.unit.suspend('nobody answers');
    unit.unit.expel();
    await unit.clock.advance(10_000);
    assert.deepEqual(unit.host.running(), []);
    assert.ok(unit.unit.stopped);
    mayStart = true;
    unit.unit.resume();
    await unit.clock.advance(6_000);
    assert.equal(unit.host.running().length, 1);
  });

  test('that an earlier agent left running is stopped', async () => {
    const before = simulateUnit(text);
    await before.clock.advance(10);
    before.unit.abandon();
    const after = simulateUnit(text, { earlier: before, input: { suspended: true, mayRun: true } });
    await after.clock.advance(100);
    assert.deepEqual(after.host.running(), []);
    after.unit.resume();
    await after.clock.advance(100);
    assert.equal(after.host.running().length, 1);
  });
});
