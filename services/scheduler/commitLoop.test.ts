import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import { FencedError } from '../../shared/log/appendOnce.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { createMemoryLog } from '../../shared/log/memoryLog.ts';
import { Projection } from '../../shared/log/projection.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { CommandBody, CommandReply, NamedUnit } from '../../shared/protocol/commands.ts';
import { type Commit, causeOf } from '../../shared/protocol/commit.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { machineFacts } from '../../test/support/samples.ts';
import { CommitLoop } from './commitLoop.ts';
import type { Silence } from './policy/liveness.ts';

const sleeper = '[Service]\nExecStart=/bin/sleep 100\n';
const unit = (name: string, fleet = ''): NamedUnit => ({
  name,
  text: fleet ? `${sleeper}[X-Fleet]\n${fleet}\n` : sleeper,
});
const start = (...units: NamedUnit[]): CommandBody => ({ type: 'StartUnits', units });
const join = (machine: string): CommandBody => ({ type: 'JoinMachine', ...machineFacts(machine) });

/** A loop with a log of its own, which can be held, and everything that it does. */
function createLoop(t: TestContext, { maxBytes = 512 * 1024, comparisonsAtOnce = 1_000 } = {}) {
  const clock = createSimulatedClock(1_000_000);
  const store = createMemoryLog();
  const handle = store.open();
  const stop = new AbortController();
  const { signal } = stop;
  const projection = new Projection();
  const commits: Commit[] = [];
  const published: { machines: string[]; seq: number }[] = [];
  const silences: Silence[] = [];
  let appends = 0;
  let proofs = 0;
  let stalled: Promise<void> | null = null;
  let held: Promise<void> | null = null;
  let lastId = 0;
  const log: EventLog = {
    ...handle,
    append: async (message) => {
      appends++;
      await held;
      return handle.append(message);
    },
  };
  const writer = createSubjectWriter({
    ...{ log, subject: subjects.clusterLog, by: 'scheduler/s1', clock, signal },
    ids: () => `id-${++lastId}`,
  });
  const loop = new CommitLoop({
    ...{ projection, writer, clock, maxBytes, comparisonsAtOnce },
    proveLeadership: async () => {
      proofs++;
      await stalled;
    },
    silences: () => [...silences],
    onSlowLog: () => void silences.splice(0),
    onCommitted: (machines, seq) => published.push({ machines: [...machines].sort(), seq }),
  });
  const follow = async () => {
    for await (const record of handle.tail({ fromSeq: 1, signal })) commits.push(projection.apply(record));
  };
  const folding = follow();
  const ended = loop.run(signal).catch((error: unknown) => error);
  t.after(() => stop.abort());
  return {
    ...{ clock, store, handle, loop, projection, commits, published, silences, stop, ended, folding },
    counts: () => ({ appends, proofs }),
    /** From now on no proof of leadership comes back. */
    stallProofs() {
      stalled = new Promise(() => undefined);
    },
    /** Holds appends until the function that it returns is called. */
    hold() {
      let release = () => {};
      const holding = new Promise<void>((resolve) => {
        release = resolve;
      });
      held = holding;
      return () => {
        if (held === holding) held = null;
        release();
      };
    },
    give(command: CommandBody, id = `c-${++lastId}`): Promise<CommandReply> {
      return new Promise((resolve) => loop.submit({ ...command, id, by: 'me@here' }, resolve));
    },
  };
}

const typesOf = ({ events }: Commit) => events.map(({ type }) => type);
const seqOf = (reply: CommandReply) => (reply.ok ? reply.seq : reply.code);

describe('commands', () => {
  test('are answered with the sequence of their commit, once it is folded', async (t) => {
    const loop = createLoop(t);
    assert.deepEqual(await loop.give(join('m1')), { ok: true, seq: 1 });
    const reply = await loop.give(start(unit('a.service')), 'c1');
    assert.deepEqual(reply, { ok: true, seq: 2 });
    assert.deepEqual([...loop.projection.state.assigned.get('m1')], ['a.service']);
    const [, commit] = loop.commits;
    assert.ok(commit);
    assert.deepEqual(typesOf(commit), ['UnitSubmitted', 'UnitLaunchRequested', 'UnitPlaced']);
    assert.deepEqual(commit.commands, [{ id: 'c1', type: 'StartUnits', by: 'me@here' }]);
    assert.ok(commit.events.every((event) => causeOf(commit, event) === 'c1'));
  });

  test('that changed nothing change nothing either when another copy of them comes late', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    await loop.give({ type: 'SubmitUnits', units: [unit('a.service')] });
    const stop: CommandBody = { type: 'StopUnits', units: [{ name: 'a.service' }] };
    assert.deepEqual(await loop.give(stop, 'c1'), { ok: true, seq: 2 });
    await loop.give(start(unit('a.service')));
    assert.deepEqual(await loop.give(stop, 'c1'), { ok: true, seq: 2 });
    assert.equal(loop.projection.state.units.get('a.service')?.desired, 'launched');
  });

  test('that come while an append is under way share the next one', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    const release = loop.hold();
    const first = loop.give(start(unit('u0.service')));
    await loop.clock.advance(0);
    const others = [1, 2, 3, 4, 5].map((i) => loop.give(start(unit(`u${i}.service`)), `c${i}`));
    release();
    assert.deepEqual([await first, ...(await Promise.all(others))].map(seqOf), [2, 3, 3, 3, 3, 3]);
    assert.equal(loop.counts().appends, 3);
    const last = loop.commits[2];
    assert.deepEqual(
      last?.commands?.map(({ id }) => id),
      ['c1', 'c2', 'c3', 'c4', 'c5'],
    );
    assert.deepEqual(
      new Set(last?.events.map((event) => last && causeOf(last, event))),
      new Set(['c1', 'c2', 'c3', 'c4', 'c5']),
    );
    assert.deepEqual(loop.published.at(-1), { machines: ['m1'], seq: 3 });
  });

  test('see what the commands before them in the same commit did', async (t) => {
    const loop = createLoop(t);
    const replies = [
      loop.give(start(unit('a.service'))),
      loop.give({ type: 'DestroyUnits', units: [{ name: 'a.service' }] }),
    ];
    assert.deepEqual((await Promise.all(replies)).map(seqOf), [1, 1]);
    assert.equal(loop.projection.state.units.size, 0);
  });

  test('that are refused store nothing, and are answered after proof that this scheduler leads', async (t) => {
    const loop = createLoop(t);
    const reply = await loop.give({ type: 'StopUnits', units: [{ name: 'a.service' }] });
    assert.equal(!reply.ok && reply.code, 'unit-not-found');
    const broken = await loop.give(
      start({ name: 'b.service', text: '[Service]\nExecStart=\n[X-Fleet]\nMachineXY=1\n' }),
    );
    assert.equal(!broken.ok && broken.code, 'invalid-unit');
    assert.deepEqual([loop.counts(), loop.commits.length], [{ appends: 0, proofs: 2 }, 0]);
  });

  test('that change nothing store nothing, and are answered after proof that this scheduler leads', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    assert.deepEqual(await loop.give(join('m1')), { ok: true, seq: 1 });
    assert.deepEqual(loop.counts(), { appends: 1, proofs: 1 });
  });

  test('that are too large are refused alone, with what to do', async (t) => {
    const loop = createLoop(t, { maxBytes: 10_000 });
    const huge = { name: 'huge.service', text: `${sleeper}#${'x'.repeat(20_000)}\n` };
    const [refused, done] = await Promise.all([loop.give(start(huge)), loop.give(start(unit('a.service')))]);
    assert.ok(refused && !refused.ok && refused.code === 'too-large');
    assert.match(refused.message, /fewer units/);
    assert.deepEqual(done, { ok: true, seq: 1 });
  });
});

describe('a retry', () => {
  test('is answered with the first sequence and not repeated', async (t) => {
    const loop = createLoop(t);
    const restart: CommandBody = { type: 'RestartUnits', units: [{ name: 'a.service' }] };
    await loop.give(start(unit('a.service')));
    assert.deepEqual(await loop.give(restart, 'r'), { ok: true, seq: 2 });
    await loop.give(start(unit('b.service')));
    assert.deepEqual(await loop.give(restart, 'r'), { ok: true, seq: 2 });
    assert.equal(loop.commits.length, 3);
  });

  test('that is decided together with its first is answered with the sequence that both then have', async (t) => {
    const loop = createLoop(t);
    const releaseFirst = loop.hold();
    const other = loop.give(start(unit('other.service')));
    await loop.clock.advance(0);
    const twice = ['x', 'x'].map((id) => loop.give(start(unit('a.service')), id));
    const releaseBoth = loop.hold();
    releaseFirst();
    await loop.clock.advance(0);
    // A node's commit comes in between: the sequence is not the one that was expected.
    await loop.handle.append({ ...nodeCommit(), expectedSeq: 0 });
    releaseBoth();
    assert.deepEqual([await other, ...(await Promise.all(twice))].map(seqOf), [1, 3, 3]);
  });

  test('is answered although the log takes nothing more', async (t) => {
    const loop = createLoop(t);
    await loop.give(start(unit('a.service')), 'x');
    loop.store.setFull('no space left on device');
    const [retry, other] = await Promise.all([
      loop.give(start(unit('a.service')), 'x'),
      loop.give(start(unit('b.service'))),
    ]);
    assert.deepEqual([retry, other && seqOf(other)], [{ ok: true, seq: 1 }, 'log-refused']);
  });

  test('is answered although the log takes nothing more when it is asked about machines that are silent', async (t) => {
    const loop = createLoop(t);
    await loop.give(start(unit('a.service')), 'x');
    loop.store.setFull('no space left on device');
    loop.stallProofs();
    loop.silences.push({ machine: 'm1', silentMs: 2_140, allowedMs: 0, startingMs: null });
    const both = Promise.all([loop.give(start(unit('a.service')), 'x'), loop.give(start(unit('b.service')))]);
    await loop.clock.advance(5_000);
    const [retry, other] = await both;
    assert.deepEqual([retry, other && seqOf(other)], [{ ok: true, seq: 1 }, 'log-refused']);
  });
});

function nodeCommit() {
  const machine = 'm1';
  const commit = { v: 1, id: machine, at: 0, by: `node/${machine}`, cause: '', prev: '', events: [] };
  return { subject: subjects.nodeLog(machine), id: machine, data: new TextEncoder().encode(JSON.stringify(commit)) };
}

describe('a log that refuses', () => {
  test('is told to who asked, and the loop goes on when it takes commits again', async (t) => {
    const loop = createLoop(t);
    loop.store.setFull('no space left on device');
    const refused = await loop.give(start(unit('a.service')));
    assert.ok(!refused.ok && refused.code === 'log-refused');
    assert.match(refused.message, /nothing was changed.*no space left on device/);
    assert.equal(loop.projection.state.units.size, 0);
    loop.store.setFull(null);
    assert.deepEqual(await loop.give(start(unit('a.service'))), { ok: true, seq: 1 });
  });

  test('is not asked over and over for what nobody waits for, and gets it when it takes commits again', async (t) => {
    const loop = createLoop(t, { maxBytes: 30_000 });
    const many = start(...Array.from({ length: 40 }, (_, i) => unit(`u${i}.service`)));
    loop.loop.submit({ ...many, id: 'c1', by: 'me@here' }, () => loop.store.setFull('no space left on device'));
    await loop.clock.advance(10_000);
    const { pending, waiting } = loop.projection.state;
    assert.deepEqual([pending.size, waiting.size], [10, 30]);
    assert.ok(loop.counts().appends <= 22, `${loop.counts().appends} appends`);
    loop.store.setFull(null);
    await loop.clock.advance(500);
    assert.deepEqual([pending.size, waiting.size], [0, 40]);
  });
});

describe('an unknown outcome', () => {
  for (const fate of ['stored', 'lost'] as const) {
    test(`is found out: the answer was lost, the message was ${fate}`, async (t) => {
      const loop = createLoop(t);
      loop.handle.loseNextAnswer(fate);
      const reply = loop.give(start(unit('a.service')));
      await loop.clock.advance(1_000);
      assert.deepEqual([await reply, loop.commits.length], [{ ok: true, seq: 1 }, 1]);
    });
  }

  test('at the end of a term is not success', async (t) => {
    const loop = createLoop(t);
    loop.store.setAvailable(false);
    const reply = loop.give(start(unit('a.service')));
    await loop.clock.advance(1_000);
    loop.stop.abort();
    await loop.clock.advance(1_000);
    assert.equal(seqOf(await reply), 'not-leading');
  });
});

test('a term that ends while the log has the commit, but it is not folded yet, still says that it is done', async (t) => {
  const loop = createLoop(t);
  const release = loop.hold();
  const reply = loop.give(start(unit('a.service')));
  await loop.clock.advance(0);
  loop.stop.abort();
  await loop.folding;
  release();
  assert.deepEqual([await reply, await loop.ended], [{ ok: true, seq: 1 }, undefined]);
  assert.deepEqual(loop.published, []);
});

test('a fenced loop ends, and says so to everybody who waits', async (t) => {
  const loop = createLoop(t);
  const release = loop.hold();
  const first = loop.give(start(unit('a.service')));
  await loop.clock.advance(0);
  const second = loop.give(start(unit('b.service')));
  await loop.handle.append({ ...nodeCommit(), subject: subjects.clusterLog, expectedSeq: 0 });
  release();
  assert.deepEqual([seqOf(await first), seqOf(await second)], ['not-leading', 'not-leading']);
  assert.ok((await loop.ended) instanceof FencedError);
});

describe('a machine that was silent for too long', () => {
  test('is lost and its units are placed elsewhere in one commit, with reason and cause', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    await loop.give(start(unit('a.service'), unit('f.service', 'MachineOf=a.service')));
    await loop.give(join('m2'));
    loop.silences.push({ machine: 'm1', silentMs: 2_140, allowedMs: 0, startingMs: null });
    loop.loop.nudge();
    await loop.clock.advance(0);
    const commit = loop.commits.at(-1);
    assert.ok(commit);
    assert.deepEqual(typesOf(commit), ['MachineLost', 'UnitPlaced', 'UnitPlaced']);
    for (const event of commit.events) {
      assert.equal(causeOf(commit, event), 'heartbeat-lost m1');
      assert.match('reason' in event ? event.reason : '', /no heartbeat for 2\.1 s/);
    }
    assert.deepEqual(loop.published.at(-1)?.machines, ['m1', 'm2']);
  });

  test('is lost in the end, however slow the log is all the time', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    for (const expected of [0, 1]) {
      const release = loop.hold();
      loop.stallProofs();
      loop.silences.push({ machine: 'm1', silentMs: 2_140, allowedMs: 0, startingMs: null });
      loop.loop.nudge();
      await loop.clock.advance(3_000);
      release();
      await loop.clock.advance(3_000);
      const lost = loop.commits.flatMap(({ events }) => events).filter(({ type }) => type === 'MachineLost');
      assert.equal(lost.length, expected);
    }
  });

  test('is not lost where it was heard while the log was asked', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    const release = loop.hold();
    loop.stallProofs();
    loop.silences.push({ machine: 'm1', silentMs: 2_140, allowedMs: 0, startingMs: null });
    loop.loop.nudge();
    await loop.clock.advance(300);
    loop.silences.pop();
    release();
    await loop.clock.advance(3_000);
    assert.ok(loop.commits.every(({ events }) => events.every(({ type }) => type !== 'MachineLost')));
  });

  test('is not lost twice', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    for (let i = 0; i < 2; i++) {
      loop.silences.push({ machine: 'm1', silentMs: 2_140, allowedMs: 0, startingMs: null });
      loop.loop.nudge();
      await loop.clock.advance(0);
    }
    assert.equal(loop.commits.length, 2);
  });

  test('together with a command: each event says which of them it was', async (t) => {
    const loop = createLoop(t);
    await loop.give(join('m1'));
    await loop.give(start(unit('a.service')));
    await loop.give(join('m2'));
    const release = loop.hold();
    const blocker = loop.give(start(unit('x.service')));
    await loop.clock.advance(0);
    loop.silences.push({ machine: 'm1', silentMs: 2_140, allowedMs: 0, startingMs: null });
    const reply = loop.give(start(unit('b.service')), 'c9');
    release();
    await Promise.all([blocker, reply]);
    const commit = loop.commits.at(-1);
    assert.ok(commit);
    const causes = commit.events.map((event) => [
      event.type,
      'unit' in event ? event.unit : '',
      causeOf(commit, event),
    ]);
    assert.deepEqual(causes, [
      ['MachineLost', '', 'heartbeat-lost m1'],
      ['UnitSubmitted', 'b.service', 'c9'],
      ['UnitLaunchRequested', 'b.service', 'c9'],
      ['UnitPlaced', 'a.service', 'heartbeat-lost m1'],
      ['UnitPlaced', 'b.service', 'c9'],
    ]);
  });
});

test('a unit that waits gets its place when another one makes room, by that command', async (t) => {
  const loop = createLoop(t);
  await loop.give(join('m1'));
  await loop.give(start(unit('a.service', 'Conflicts=b.service')));
  await loop.give(start(unit('b.service')));
  assert.ok(loop.projection.state.waiting.has('b.service'));
  await loop.give({ type: 'UnloadUnits', units: [{ name: 'a.service' }] }, 'u1');
  const commit = loop.commits.at(-1);
  assert.ok(commit);
  assert.deepEqual(typesOf(commit), ['UnitUnloadRequested', 'UnitPlaced']);
  assert.ok(commit.events.every((event) => causeOf(commit, event) === 'u1'));
});

test('more units than one commit takes are all placed when their first machine joins', async (t) => {
  const loop = createLoop(t, { maxBytes: 200_000 });
  for (let batch = 0; batch < 5; batch++) {
    await loop.give(start(...Array.from({ length: 150 }, (_, i) => unit(`u${batch}-${i}.service`))));
  }
  await loop.give(join('m1'));
  await loop.clock.advance(0);
  assert.equal(loop.projection.state.assigned.get('m1').size, 750);
  assert.ok(loop.commits.length > 8, 'it took several commits');
});

test('a rebalance that has a lot to compare lets commands through, and comes to its end by itself', async (t) => {
  const loop = createLoop(t, { comparisonsAtOnce: 1 });
  await Promise.all([loop.give(join('m1')), loop.give(join('m2'))]);
  await loop.give(start(...[1, 2, 3, 4].map((i) => unit(`u${i}.service`))));
  await loop.give({ type: 'Rebalance', reason: '', maxMoves: 10 });
  await loop.clock.advance(1);
  const during = loop.give(start(unit('during.service')));
  await loop.clock.advance(2);
  await during;
  await loop.clock.advance(1_000);
  const types = loop.commits.slice(-3).map((commit) => typesOf(commit)[0]);
  assert.deepEqual(types, ['RebalanceStarted', 'UnitSubmitted', 'RebalanceEnded']);
  const { appends } = loop.counts();
  await loop.clock.advance(1_000);
  assert.equal(loop.counts().appends, appends);
});
