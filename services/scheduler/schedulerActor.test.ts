import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NoRespondersError } from '../../shared/bus/bus.ts';
import { serializeState } from '../../shared/domain/serializeState.ts';
import { BrokenChainError } from '../../shared/log/fold.ts';
import { Projection } from '../../shared/log/projection.ts';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { encodeCommit } from '../../shared/protocol/commit.ts';
import type { QueryReply } from '../../shared/protocol/queries.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { NewerSchemaError } from '../../shared/protocol/upcasts.ts';
import { electionMs, MemorySchedulers } from '../../test/support/memorySchedulers.ts';

const text = '[Service]\nExecStart=/bin/sleep 100\n';
const start = (...names: string[]): CommandBody => ({
  type: 'StartUnits',
  units: names.map((name) => ({ name, text })),
});

describe('a scheduler', () => {
  test('leads at once when it is alone, and says so on the log', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    assert.deepEqual(s1.states, ['replaying', 'following', 'leading']);
    const [commit] = await cluster.commits();
    const [event] = commit?.events ?? [];
    assert.ok(event?.type === 'LeaderElected');
    const { cluster: id, ...elected } = event;
    assert.deepEqual(elected, { type: 'LeaderElected', role: 'scheduler', epoch: 1, leader: 's1' });
    assert.match(id, /./);
    assert.equal(commit?.by, 'scheduler/s1');
  });

  test('ends in good order when it is told to, and takes nothing more', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    await cluster.join('m1');
    s1.stop();
    assert.equal(await s1.ended, null);
    await cluster.clock.advance(0);
    for (const ask of [cluster.join('m2'), cluster.beat('m1'), cluster.query({ type: 'GetStatus' })]) {
      await assert.rejects(ask, NoRespondersError);
    }
  });

  test('that leads, and is told to stop, answers before it ends', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const told: string[] = [];
    cluster.log.setAvailable(false);
    const asked = cluster.join('m1').then((reply) => told.push(reply.ok ? 'done' : reply.code));
    await cluster.clock.advance(300);
    s1.stop();
    const ended = s1.ended.then(() => told.push('ended'));
    await cluster.clock.advance(100);
    await Promise.all([asked, ended]);
    assert.deepEqual(told, ['not-leading', 'ended']);
  });

  test('ends with a clear error when the history was changed', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const commit = { v: 1, id: 'x', at: 0, by: 'mallory', cause: '', prev: 'nonsense', events: [] };
    await cluster.log
      .open()
      .append({ subject: subjects.nodeLog('m1'), id: 'x', data: encodeCommit(commit), expectedSeq: 0 });
    const error = await s1.ended;
    assert.ok(error instanceof BrokenChainError);
    assert.match(error.message, /flotilla\.log\.node\.m1 is broken at sequence 2/);
    assert.equal(s1.state, 'failed');
  });

  test('ends with a clear error when a newer version has written on the log', async (t) => {
    const cluster = new MemorySchedulers(t);
    const commit = { v: 99, id: 'x', at: 0, by: 'later', cause: '', prev: '', events: [] };
    await cluster.log
      .open()
      .append({ subject: subjects.clusterLog, id: 'x', data: encodeCommit(commit), expectedSeq: 0 });
    const error = await (await cluster.start('s1')).ended;
    assert.ok(error instanceof NewerSchemaError);
    assert.match(error.message, /version 99.*install the newer one/);
  });

  test('answers what it cannot read, and goes on', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    const unreadable = await cluster.ask<{ ok: boolean; code: string }>(subjects.clusterCommands, { type: 'Explode' });
    assert.equal(unreadable.code, 'invalid-command');
    const answer = await cluster.ask<QueryReply>(subjects.queries, { type: 'GetUnits' });
    assert.ok(!answer.ok && /does not understand the query/.test(answer.message));
    for (const subject of [subjects.heartbeat('m1'), `${subjects.heartbeat('m1')}%zz`])
      cluster.client.publish(subject, new Uint8Array([1]));
    await cluster.clock.advance(10);
    assert.equal((await cluster.join('m1')).ok, true);
  });
});

describe('several schedulers', () => {
  test('when the leader stops, another one leads at once; a retry is answered as the first time', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    assert.deepEqual([s1.state, s2.state], ['leading', 'following']);
    await cluster.join('m1');
    const first = await cluster.command({ type: 'StartUnits', units: [{ name: 'a.service', text }] }, 'the-id');
    s1.stop();
    await cluster.clock.advance(100);
    assert.equal(s2.state, 'leading');
    const length = (await cluster.commits()).length;
    assert.deepEqual(
      await cluster.command({ type: 'StartUnits', units: [{ name: 'a.service', text }] }, 'the-id'),
      first,
    );
    assert.equal((await cluster.commits()).length, length);
  });

  test('a leader that was cut off cannot write; the new one has everything that was acknowledged', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    await cluster.join('m1');
    await cluster.command(start('a.service'));
    s1.isolate();
    await cluster.pass(electionMs, 'm1');
    assert.equal(s2.state, 'leading');
    await cluster.command(start('b.service'));
    s1.reconnect();
    await cluster.pass(1_000, 'm1');
    assert.deepEqual([s1.state, s2.state], ['following', 'leading']);
    const status = await cluster.query({ type: 'GetUnits', units: ['a.service', 'b.service'] }, { onlyLeader: true });
    assert.deepEqual(status.ok && status.data.units.map(({ file }) => file?.machines), [['m1'], ['m1']]);
    const elected = (await cluster.commits()).flatMap(({ events }) =>
      events.filter(({ type }) => type === 'LeaderElected'),
    );
    assert.deepEqual(
      elected.map((event) => 'leader' in event && event.leader),
      ['s1', 's2'],
    );
  });

  test('a command that a fenced leader took is answered not-leading, and is not on the log', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    // Only its heartbeats are lost: it goes on believing that it leads.
    s1.bus.disconnect();
    await cluster.clock.advance(electionMs);
    assert.deepEqual([s1.state, s2.state], ['leading', 'leading']);
    s2.bus.disconnect();
    s1.bus.reconnect();
    const reply = await cluster.command(start('a.service'));
    assert.ok(!reply.ok && reply.code === 'not-leading');
    assert.ok(!(await cluster.commits()).some(({ commands = [] }) => commands.length > 0));
  });

  test('a query to the leader is not answered by one that was fenced', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    s1.bus.disconnect();
    await cluster.clock.advance(electionMs);
    s2.bus.disconnect();
    s1.bus.reconnect();
    const answer = cluster.query({ type: 'GetStatus' }, { onlyLeader: true });
    await cluster.clock.advance(10_000);
    const reply = await answer;
    assert.ok(!reply.ok && reply.code === 'not-leading', JSON.stringify(reply));
  });

  test('a candidate that was held up between winning and taking over does not follow a later leader on the log', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    const s2 = await cluster.start('s2');
    const s3 = await cluster.start('s3');
    s2.bus.disconnect();
    s2.log.loseNextAnswer('lost');
    const fence = cluster.fences.open();
    const holder = async () => new TextDecoder().decode((await fence.last(subjects.fence('scheduler')))?.data);
    while (!(await holder()).includes('s2')) await cluster.clock.advance(5);
    s2.log.setConnected(false);
    s1.isolate();
    // It finds the newer epoch on the fence, and gives its leader time to be heard.
    await cluster.clock.advance(2 * electionMs);
    assert.equal(s3.state, 'leading');
    s2.log.setConnected(true);
    await cluster.clock.advance(400);
    const events = (await cluster.commits()).flatMap((commit) => commit.events);
    const epochs = events.flatMap((event) => (event.type === 'LeaderElected' ? [event.epoch] : []));
    assert.deepEqual(
      epochs,
      [...epochs].sort((a, b) => a - b),
    );
    assert.equal(epochs.length, 2);
  });

  test('whoever is asked tells the same, and each has the state of a full replay', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.command(start('a.service', 'b.service'));
    await cluster.start('s2');
    await cluster.clock.advance(10);
    const hashes = new Set<string>();
    for (let i = 0; i < 4; i++) {
      const reply = await cluster.query({ type: 'GetStatus' });
      if (reply.ok) hashes.add(`${reply.seq} ${reply.data.stateHash}`);
    }
    assert.equal(hashes.size, 1);
  });
});

describe('snapshots', () => {
  test('with the rest of the log equal a full replay', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.command(start('a.service', 'b.service'));
    const records = [];
    const done = new AbortController();
    for await (const record of cluster.log.open().tail({ fromSeq: 1, signal: done.signal, onIdle: () => done.abort() }))
      records.push(record);
    const whole = new Projection();
    for (const record of records) whole.apply(record);
    for (let cut = 0; cut <= records.length; cut++) {
      const first = new Projection();
      for (const record of records.slice(0, cut)) first.apply(record);
      const resumed = Projection.restore(first.snapshot());
      assert.ok(resumed);
      for (const record of records.slice(cut)) resumed.apply(record);
      assert.equal(serializeState(resumed.state), serializeState(whole.state));
      assert.equal(resumed.seq, whole.seq);
    }
  });

  test('are taken up by a scheduler that starts; a damaged one, or one of another log, is not', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    await cluster.join('m1');
    s1.stop();
    const foreign = new Projection(undefined, 1_000);
    await cluster.snapshots.save('cluster', {}, [foreign.snapshot()]);
    const s2 = await cluster.start('s2');
    const reply = await cluster.query({ type: 'ListMachines' });
    assert.ok(reply.ok && reply.data.machines.length === 1);
    s2.stop();
    await cluster.clock.advance(0);
    await cluster.snapshots.save('cluster', {}, [new TextEncoder().encode('{"v":1')]);
    await cluster.start('s3');
    assert.equal(cluster.errors.length, 1);
    assert.equal((await cluster.query({ type: 'GetStatus' })).ok, true);
  });
});
