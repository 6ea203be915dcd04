import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as immediate } from 'node:timers/promises';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import type { KvEvent } from '../../shared/domain/kv.ts';
import { FencedError } from '../../shared/log/appendOnce.ts';
import { AppendRefusedError, type EventLog } from '../../shared/log/eventLog.ts';
import { createMemoryLog } from '../../shared/log/memoryLog.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import { decodeCommit } from '../../shared/protocol/commit.ts';
import type { KvBatch } from '../../shared/protocol/kv.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { KvCommitLoop } from './commitLoop.ts';
import { KvProjection } from './projection.ts';

interface Setting {
  loop: KvCommitLoop;
  projection: KvProjection;
  /** The messages that were stored. */
  stored: Uint8Array[];
  ended: Promise<void>;
  stop(): void;
  fences: { proofs: number };
}

/** A loop on a log that takes messages of up to `logTakes` bytes. */
function start({
  logTakes = 1 << 20,
  append = null as EventLog['append'] | null,
  nextTurn = () => Promise.resolve(),
} = {}): Setting {
  const clock = { ...createSimulatedClock(1_700_000_000_000), nextTurn };
  const memory = createMemoryLog().open();
  const stored: Uint8Array[] = [];
  const log: EventLog = {
    ...memory,
    append: async (message) => {
      if (append) return append(message);
      if (message.data.length > logTakes) throw new AppendRefusedError('it is too large');
      stored.push(message.data);
      return memory.append(message);
    },
  };
  const stopping = new AbortController();
  const { signal } = stopping;
  let lastId = 0;
  const writer = createSubjectWriter<KvEvent>({
    ...{ log, clock, signal, subject: subjects.kvLog, by: 'kv/test' },
    ids: () => String(++lastId),
  });
  const projection = KvProjection.create();
  const fences = { proofs: 0 };
  const proveOnFence = async () => void fences.proofs++;
  const loop = new KvCommitLoop({ projection, writer, proveOnFence, clock, maxBytes: 1 << 20 });
  const ended = loop.run(signal);
  ended.catch(() => undefined);
  return { loop, projection, stored, ended, fences, stop: () => stopping.abort() };
}

const batch = (id: string, bytes = 10): KvBatch => ({
  id,
  commands: [{ type: 'Put', key: id, value: 'x'.repeat(bytes) }],
});

describe('the commit loop', () => {
  test('makes smaller commits of what the log refuses together, and answers all of it', async () => {
    const { loop, stored, projection, stop } = start({ logTakes: 5_000 });
    const replies = await Promise.all(Array.from({ length: 40 }, (_, index) => loop.submit(batch(`k${index}`, 1_000))));
    assert.ok(replies.every(({ ok }) => ok));
    assert.ok(stored.length >= 10 && stored.every(({ length }) => length <= 5_000));
    assert.equal(projection.store.revision, 41);
    stop();
  });

  test('refuses what the log does not take by itself, and goes on with the rest', async () => {
    const { loop, stop } = start({ logTakes: 5_000 });
    const [large, small] = await Promise.all([loop.submit(batch('large', 10_000)), loop.submit(batch('small'))]);
    assert.ok(!large.ok && large.error.code === 'log-refused');
    assert.ok(small.ok);
    stop();
  });

  test('executes a request once that comes twice, also while it is under way', async () => {
    const { loop, projection, stop } = start();
    const [one, same] = await Promise.all([loop.submit(batch('k')), loop.submit(batch('k'))]);
    assert.deepEqual(one, same);
    assert.deepEqual((await loop.submit(batch('k'))).ok, true);
    assert.equal(projection.store.revision, 2);
    stop();
  });

  test('proves leadership by a commit where there is one to make, else on the fence', async () => {
    const { loop, fences, stop } = start();
    await loop.prove();
    assert.equal(fences.proofs, 1);
    const written = loop.submit(batch('k'));
    await loop.prove();
    await written;
    assert.equal(fences.proofs, 1);
    stop();
  });

  test('waits for the commit that is under way before it proves anything: others may have seen it on the log', async () => {
    let store: () => void = () => undefined;
    const underWay = new Promise<void>((resolve) => {
      store = resolve;
    });
    const append = async () => {
      await underWay;
      return { seq: 1, duplicate: false };
    };
    const { loop, projection, fences, stop } = start({ append });
    const writing = loop.submit(batch('k'));
    await immediate();
    let seq = -1;
    const proving = loop.prove().then(() => {
      seq = projection.seq;
    });
    await immediate();
    assert.deepEqual([fences.proofs, seq], [1, -1]);
    store();
    await Promise.all([writing, proving]);
    assert.equal(seq, 1);
    stop();
  });

  test('looks at what has arrived before it commits for several clients, but not for one by itself', async () => {
    const late = [batch('c'), batch('d')];
    const { loop, stored, stop } = start({
      nextTurn: async () => {
        const next = late.shift();
        if (next) void loop.submit(next);
      },
    });
    await loop.submit(batch('alone'));
    assert.equal(late.length, 2);
    await Promise.all([loop.submit(batch('a')), loop.submit(batch('b'))]);
    const counts = stored.map((message) => decodeCommit<KvEvent>(message).events.length);
    assert.deepEqual(counts, [1, 4]);
    stop();
  });

  test('commits nothing more once its term is over, though it was about to', async () => {
    const setting = start({ nextTurn: async () => setting.stop() });
    const replies = await Promise.all([setting.loop.submit(batch('a')), setting.loop.submit(batch('b'))]);
    assert.ok(replies.every((reply) => !reply.ok && reply.error.code === 'leader-changed'));
    await setting.ended;
    assert.deepEqual(setting.stored, []);
  });

  test('says on the log who asked, where they said so', async () => {
    const { loop, stored, stop } = start();
    await Promise.all([loop.submit({ ...batch('a'), by: 'me@here' }), loop.submit(batch('b'))]);
    const commit = decodeCommit<KvEvent>(stored[0] ?? new Uint8Array());
    assert.deepEqual(commit.commands, [{ id: 'a', type: 'Put', by: 'me@here' }]);
    assert.equal(commit.events.length, 2);
    stop();
  });

  test('fenced, it says so, and that the leader has changed to everybody who waits', async () => {
    const append = async () => {
      throw new FencedError('somebody else leads');
    };
    const { loop, ended } = start({ append });
    const [reply, proof] = [loop.submit(batch('k')), loop.prove()];
    await assert.rejects(proof, FencedError);
    assert.deepEqual(await reply, { ok: false, error: { code: 'leader-changed' } });
    await assert.rejects(ended, FencedError);
  });
});
