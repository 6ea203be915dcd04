import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { encodeCommit } from '../../shared/protocol/commit.ts';
import type { HistoryPoint } from '../../shared/protocol/queries.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { MemorySchedulers } from '../../test/support/memorySchedulers.ts';
import { report } from '../../test/support/samples.ts';

const text = '[Service]\nExecStart=/bin/sleep 100\n';
const start = (...names: string[]): CommandBody => ({
  type: 'StartUnits',
  units: names.map((name) => ({ name, text })),
});

describe('queries', () => {
  test('explain a unit as it was at an earlier point of the history', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    const started = await cluster.command(start('a.service'));
    const joined = await cluster.join('m1');
    assert.ok(started.ok && joined.ok);
    const ask = async (as?: HistoryPoint) => {
      const reply = await cluster.query({ type: 'ExplainUnit', unit: 'a.service', as, minSeq: joined.seq });
      assert.ok(reply.ok);
      return [reply.data.seq, reply.data.wishes, reply.data.places.map(({ machine }) => machine)];
    };
    assert.deepEqual(await ask(), [joined.seq, undefined, ['m1']]);
    assert.deepEqual(await ask({ seq: started.seq }), [started.seq, 'it was started', []]);
    assert.deepEqual(await ask({ at: 0 }), [0, undefined, []]);
  });

  test('see what the asker has written, or say that the scheduler is behind', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    const joined = await cluster.join('m1');
    assert.ok(joined.ok);
    const seen = await cluster.query({ type: 'ListMachines', minSeq: joined.seq });
    assert.ok(seen.ok && seen.seq >= joined.seq);
    const later = cluster.query({ type: 'ListMachines', minSeq: joined.seq + 1 });
    await cluster.clock.advance(10);
    const next = await cluster.join('m2');
    const reply = await later;
    assert.ok(next.ok && reply.ok);
    assert.deepEqual(
      reply.data.machines.map(({ id }) => id),
      ['m1', 'm2'],
    );
    const never = cluster.query({ type: 'ListMachines', minSeq: 1_000 });
    await cluster.pass(6_000, 'm1', 'm2');
    const behind = await never;
    assert.ok(!behind.ok && /has come to 3 of 1000/.test(behind.message));
  });

  test('to the leader alone are answered by it, after everything that is on the log', async (t) => {
    const cluster = new MemorySchedulers(t);
    const s1 = await cluster.start('s1');
    await cluster.start('s2');
    for (let i = 0; i < 3; i++) {
      const reply = await cluster.query({ type: 'GetStatus' }, { onlyLeader: true });
      assert.ok(reply.ok && reply.data.scheduler === 's1');
    }
    s1.stop();
    await cluster.clock.advance(100);
    const reply = await cluster.query({ type: 'GetStatus' }, { onlyLeader: true });
    assert.ok(reply.ok && reply.data.scheduler === 's2' && reply.data.epoch > 1);
  });

  test('that wait for units are answered as soon as these have come to rest', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    const done = await cluster.command(start('a.service'));
    assert.ok(done.ok);
    let answered = false;
    const wait = { type: 'WaitUnits' as const, until: 'launched' as const, timeoutMs: 5_000, minSeq: done.seq };
    const waiting = cluster.query({ ...wait, units: ['a.service'] }).then((reply) => {
      answered = true;
      return reply;
    });
    await cluster.pass(1_000, 'm1');
    assert.equal(answered, false);
    const event = { type: 'UnitStateReported', machine: 'm1', ...report('a.service', { goal: done.seq }) } as const;
    const commit = { v: 1, id: 'n1', at: 0, by: 'node/m1', cause: '', prev: '', events: [event] };
    await cluster.log
      .open()
      .append({ subject: subjects.nodeLog('m1'), id: 'n1', data: encodeCommit(commit), expectedSeq: 0 });
    const reply = await waiting;
    assert.ok(reply.ok);
    const [details] = reply.data.units;
    assert.ok(details?.settled && details.states[0]?.sub === 'running');
  });

  test('that wait in vain are answered when their time is over', async (t) => {
    const cluster = new MemorySchedulers(t);
    await cluster.start('s1');
    await cluster.join('m1');
    await cluster.command(start('a.service'));
    const wait = cluster.query({ type: 'WaitUnits', units: ['a.service'], until: 'launched', timeoutMs: 1_000 });
    await cluster.pass(1_500, 'm1');
    const reply = await wait;
    assert.ok(reply.ok);
    const [details] = reply.data.units;
    assert.equal(details?.settled, false);
  });
});
