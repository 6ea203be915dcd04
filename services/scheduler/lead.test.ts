import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { digestReports } from '../../shared/domain/digest.ts';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { causeOf, encodeCommit } from '../../shared/protocol/commit.ts';
import type { Heartbeat } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { electionMs, MemorySchedulers } from '../../test/support/memorySchedulers.ts';
import { machineFacts, report } from '../../test/support/samples.ts';

const text = '[Service]\nExecStart=/bin/sleep 100\n';
const start = (...names: string[]): CommandBody => ({
  type: 'StartUnits',
  units: names.map((name) => ({ name, text })),
});

async function machinesLost(cluster: MemorySchedulers): Promise<string[]> {
  const events = (await cluster.commits()).flatMap((commit) => commit.events);
  return events.flatMap((event) => (event.type === 'MachineLost' ? event.machine : []));
}

describe('liveness', () => {
  test('a silent machine is lost after the timeout, and its units are placed elsewhere in the same commit', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.command(start('a.service'));
    await cluster.join('m2');
    await cluster.pass(1_500, 'm1', 'm2');
    const before = (await cluster.commits()).length;
    await cluster.pass(1_500, 'm2');
    assert.equal((await cluster.commits()).length, before, 'it still has time');
    await cluster.pass(1_000, 'm2');
    const commit = (await cluster.commits())[before];
    assert.deepEqual(
      commit?.events.map(({ type }) => type),
      ['MachineLost', 'UnitPlaced'],
    );
    assert.ok(commit?.events.every((event) => causeOf(commit, event) === 'heartbeat-lost m1'));
    assert.deepEqual(
      cluster.assignments.at(-1)?.units.map(({ name }) => name),
      ['a.service'],
    );
    assert.equal(cluster.assignments.at(-1)?.machine, 'm2');
  });

  test('a machine that joins again has a full timeout, however long it was away', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.pass(5_000);
    assert.deepEqual(await cluster.beat('m1'), { ok: false, code: 'join' });
    await cluster.join('m1');
    await cluster.pass(1_900);
    assert.equal((await cluster.beat('m1')).ok, true);
  });

  test('a machine whose agent makes room for another one is lost only when that one is overdue', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.join('m2');
    await cluster.beat('m1', { backWithinMs: 10_000 });
    // It was overtaken.
    await cluster.beat('m1');
    const lost = () => machinesLost(cluster);
    await cluster.pass(11_500, 'm2');
    assert.deepEqual(await lost(), []);
    await cluster.pass(1_500, 'm2');
    assert.deepEqual(await lost(), ['m1']);
  });

  test('a machine whose agent starts anew keeps its units until that one has joined; another with its id is nobody', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.join('m2');
    const lost = () => machinesLost(cluster);
    const { nodeKey, bootId } = machineFacts('m1');
    const starts = async (ms: number, takesUp: Heartbeat['takesUp']) => {
      for (let left = ms; left > 0; left -= 500) {
        assert.equal((await cluster.beat('m1', { session: 'm1-2', takesUp })).ok, false);
        await cluster.pass(500, 'm2');
      }
    };
    await starts(10_000, { nodeKey, bootId });
    assert.deepEqual(await lost(), []);
    let times = 0;
    for (const other of [
      { nodeKey: 'another', bootId },
      { nodeKey, bootId: 'another' },
    ]) {
      await starts(3_000, other);
      assert.equal((await lost()).length, ++times);
      await cluster.join('m1');
    }
  });

  test('a leader that was just elected has heard who is there, and who is not', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    await cluster.join('m1');
    await cluster.join('m2');
    await cluster.pass(1_000, 'm1', 'm2');
    s1.isolate();
    await cluster.pass(electionMs, 'm2');
    assert.equal(s2.state, 'leading');
    assert.deepEqual(await machinesLost(cluster), ['m1']);
  });

  test('one that could not hear them gives everybody a full timeout', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    await cluster.join('m1');
    await cluster.pass(1_000, 'm1');
    const s2 = await cluster.start('s2');
    s1.isolate();
    await cluster.clock.advance(electionMs);
    assert.equal(s2.state, 'leading');
    await cluster.clock.advance(1_000);
    assert.deepEqual(await machinesLost(cluster), []);
    await cluster.clock.advance(1_200);
    assert.deepEqual(await machinesLost(cluster), ['m1']);
  });

  test('a new leader has heard who makes room for another agent, and waits', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    await cluster.join('m1');
    await cluster.beat('m1', { backWithinMs: 15_000 });
    s1.isolate();
    await cluster.clock.advance(14_000);
    assert.equal(s2.state, 'leading');
    assert.deepEqual(await machinesLost(cluster), []);
    await cluster.clock.advance(4_000);
    assert.deepEqual(await machinesLost(cluster), ['m1']);
  });

  test('an agent that could not join while nobody led is not lost at the next election', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    await cluster.join('m1');
    await cluster.pass(1_000, 'm1');
    const { nodeKey, bootId } = machineFacts('m1');
    const starts = async (ms: number) => {
      for (let left = ms; left > 0; left -= 500) {
        void cluster.beat('m1', { session: 'm1-2', takesUp: { nodeKey, bootId } }).catch(() => undefined);
        await cluster.clock.advance(500);
      }
    };
    cluster.setLogsAvailable(false);
    s1.isolate();
    await starts(35_000);
    cluster.setLogsAvailable(true);
    await starts(5_000);
    assert.equal(s2.state, 'leading');
    assert.deepEqual(await machinesLost(cluster), []);
  });

  test('a scheduler that was cut off, and wins as soon as it is not, listens first', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    await cluster.join('m1');
    await cluster.pass(1_000, 'm1');
    s1.isolate();
    cluster.setLogsAvailable(false);
    s2.stall(true);
    await cluster.pass(5_000, 'm1');
    s2.stall(false);
    cluster.setLogsAvailable(true);
    await cluster.clock.advance(450);
    await cluster.pass(3_000, 'm1');
    assert.equal(s2.state, 'leading');
    assert.deepEqual(await machinesLost(cluster), []);
  });

  test('while the log is away, nobody is lost for what was not heard then', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.join('m2');
    await cluster.pass(1_000, 'm1', 'm2');
    const lost = async () =>
      (await cluster.commits()).flatMap(({ events }) => events).filter(({ type }) => type === 'MachineLost').length;
    cluster.setLogsAvailable(false);
    // m1 is where nobody hears it, and so is the log.
    await cluster.pass(6_000, 'm2');
    cluster.setLogsAvailable(true);
    await cluster.pass(1_500, 'm2');
    await cluster.pass(5_000, 'm1', 'm2');
    assert.equal(await lost(), 0);
    await cluster.pass(3_500, 'm2');
    assert.equal(await lost(), 1, 'one that stays silent is');
  });

  test('a fence that is away does not keep a silent machine from being lost, as long as the log is there', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.join('m2');
    await cluster.pass(1_000, 'm1', 'm2');
    cluster.fences.setAvailable(false);
    await cluster.pass(3_000, 'm2');
    const events = (await cluster.commits()).flatMap((commit) => commit.events);
    assert.ok(events.some((event) => event.type === 'MachineLost' && event.machine === 'm1'));
  });

  test('after the leader was cut off, for however long, nobody is lost before a full fresh timeout', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    await cluster.join('m1');
    for (let cutMs = 1_000; cutMs < 4_000; cutMs += 100) {
      s1.isolate();
      await cluster.clock.advance(cutMs);
      s1.reconnect();
      await cluster.clock.advance(1_900);
      assert.equal((await cluster.beat('m1')).ok, true, `cut off for ${cutMs} ms`);
    }
  });

  test('a bus that hangs, though it is connected, loses nobody', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    await cluster.join('m1');
    s1.stall(true);
    await cluster.clock.advance(20_000);
    s1.stall(false);
    await cluster.pass(3_000, 'm1');
    assert.ok((await cluster.commits()).every(({ events }) => events.every(({ type }) => type !== 'MachineLost')));
  });

  test('a loss that could not be recorded is forgotten when the machine is heard again', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    cluster.log.setFull('no space left on device');
    await cluster.pass(5_000);
    cluster.log.setFull(null);
    await cluster.beat('m1');
    await cluster.pass(1_000, 'm1');
    assert.equal((await cluster.beat('m1')).ok, true);
  });
});

describe('heartbeats are answered', () => {
  test('with an assignment that says the same as before, though the log has given back what comes next', async (t) => {
    const cluster = new MemorySchedulers(t);
    const { log } = await cluster.start('s1');
    await cluster.join('m1');
    await cluster.command(start('a.service'));
    const published = cluster.assignments.at(-1);
    assert.deepEqual(published?.units.length, 1);
    log.loseNextAnswer('stored');
    const started = cluster.command(start('b.service'));
    await cluster.clock.advance(1);
    assert.equal((await cluster.commits()).at(-1)?.events.at(-1)?.type, 'UnitPlaced');
    await cluster.beat('m1', { assignment: published.version - 1 });
    await cluster.pass(5_000, 'm1');
    assert.equal((await started).ok, true);
    const units = cluster.assignments.filter(({ version }) => version === published.version).map((one) => one.units);
    assert.deepEqual(new Set(units.map((all) => all.length)), new Set([1]));
    assert.equal(cluster.assignments.at(-1)?.units.length, 2);
  });

  test('with the newest assignment, which is sent again to a machine that has not taken it up', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    assert.deepEqual(await cluster.beat('m1'), { ok: false, code: 'join' });
    await cluster.join('m1');
    await cluster.command(start('a.service'));
    await cluster.clock.advance(0);
    const published = cluster.assignments.length;
    assert.deepEqual(await cluster.beat('m1', { assignment: 3 }), { ok: true, assignment: 3, resync: false });
    assert.equal(cluster.assignments.length, published);
    assert.deepEqual(await cluster.beat('m1', { assignment: 2 }), { ok: true, assignment: 3, resync: false });
    await cluster.clock.advance(0);
    assert.deepEqual(cluster.assignments.slice(published), cluster.assignments.slice(published - 1, published));
  });

  test('replaced: a newer start of the node took over', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.join('m1', { session: 'm1-2' });
    assert.deepEqual(await cluster.beat('m1'), { ok: false, code: 'replaced' });
    assert.equal((await cluster.beat('m1', { session: 'm1-2' })).ok, true);
  });

  test('with the wish to say everything again, when the log says something else for a while', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    const digest = digestReports([report('a.service')]);
    const replies = [];
    for (let i = 0; i < 8; i++) replies.push(await cluster.beat('m1', { digest }));
    const wishes = replies.map((reply) => reply.ok && reply.resync);
    assert.deepEqual(wishes, [false, false, false, true, false, false, false, true]);
    const event = { type: 'UnitStateReported', machine: 'm1', ...report('a.service') } as const;
    const commit = { v: 1, id: 'n1', at: 0, by: 'node/m1', cause: '', prev: '', events: [event] };
    await cluster.log
      .open()
      .append({ subject: subjects.nodeLog('m1'), id: 'n1', data: encodeCommit(commit), expectedSeq: 0 });
    await cluster.clock.advance(0);
    for (let i = 0; i < 5; i++)
      assert.deepEqual(await cluster.beat('m1', { digest, assignment: 2 }), { ok: true, assignment: 2, resync: false });
  });

  test('not when a digest keeps changing: the log is only behind', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    for (let i = 0; i < 10; i++) {
      const reply = await cluster.beat('m1', { digest: `digest ${i}` });
      assert.ok(reply.ok && !reply.resync);
    }
  });
});
