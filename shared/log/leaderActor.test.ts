import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createMemoryNetwork, type MemoryBus } from '../bus/memoryBus.ts';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { subjects } from '../protocol/subjects.ts';
import { appendOnce, FencedError } from './appendOnce.ts';
import { type Leader, startLeader } from './leaderActor.ts';
import { createMemoryLog, type MemoryLogHandle } from './memoryLog.ts';

const subject = subjects.clusterLog;
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const electionTimeoutMs = 1_500;
const heartbeatMs = 300;
/** Longer than the most patient candidate waits. */
const electionMs = 2_000;

interface Entry {
  epoch: number;
  what: string;
}

/**
 * A role that does nothing but lead: its log has one entry per election and per write. Like every role, it writes by
 * compare-and-append after the last entry that it has read.
 */
class Candidate {
  readonly id: string;
  readonly bus: MemoryBus;
  readonly log: MemoryLogHandle;
  readonly fence: MemoryLogHandle;
  readonly leader: Leader;
  readonly told: string[] = [];
  catchUps = 0;
  #cluster: Cluster;
  #head = 0;
  #epoch = 0;
  #lastId = 0;

  constructor(cluster: Cluster, id: string) {
    this.#cluster = cluster;
    this.id = id;
    this.bus = cluster.network.connect();
    this.log = cluster.log.open();
    this.fence = cluster.fences.open();
    const { clock } = cluster;
    const ids = () => `${id}-${++this.#lastId}`;
    const hooks = {
      catchUp: async () => {
        this.catchUps++;
        await this.#read();
      },
      elect: (epoch: number, signal: AbortSignal) => this.#elect(epoch, signal),
      onLeading: (epoch: number) => void this.told.push(`leading ${epoch}`),
      onFollowing: (reason: string) => void this.told.push(`following: ${reason}`),
    };
    const options = { role: 'scheduler' as const, id, bus: this.bus, fence: this.fence, clock, ids, hooks };
    this.leader = startLeader({ ...options, random: cluster.random, heartbeatMs, electionTimeoutMs });
  }

  get state() {
    return this.leader.state;
  }

  /** What a leader does all day; false when it found that it does not lead any more. */
  async write(): Promise<boolean> {
    try {
      await this.#append('write', new AbortController().signal);
      return true;
    } catch (error) {
      if (!(error instanceof FencedError)) throw error;
      this.leader.fenced(error.message);
      return false;
    }
  }

  async #elect(epoch: number, signal: AbortSignal): Promise<void> {
    for (;;) {
      if (this.#epoch > epoch) throw new FencedError('a higher epoch was elected');
      this.#epoch = epoch;
      try {
        return await this.#append('elected', signal);
      } catch (error) {
        if (!(error instanceof FencedError)) throw error;
        await this.#read();
      }
    }
  }

  async #append(what: string, signal: AbortSignal): Promise<void> {
    const data = encoder.encode(JSON.stringify({ epoch: this.#epoch, what }));
    const message = { subject, id: `${this.id}:${this.#cluster.nextId()}`, data, expectedSeq: this.#head };
    this.#head = await appendOnce({ log: this.log, clock: this.#cluster.clock, signal }, message);
  }

  async #read(): Promise<void> {
    const last = await this.log.last(subject);
    if (last === null) return;
    this.#head = last.seq;
    this.#epoch = JSON.parse(decoder.decode(last.data)).epoch;
  }
}

class Cluster {
  readonly clock = createSimulatedClock(0);
  readonly network = createMemoryNetwork({ clock: this.clock });
  readonly log = createMemoryLog();
  readonly fences = createMemoryLog({ keepOnlyLast: true });
  readonly members: Candidate[] = [];
  #lastId = 0;
  #random = 0;

  /** Different for each candidate, the same in each run. */
  readonly random = () => (this.#random = (this.#random + 0.37) % 1);
  readonly nextId = () => ++this.#lastId;

  async join(id: string): Promise<Candidate> {
    const member = new Candidate(this, id);
    this.members.push(member);
    await this.clock.advance(0);
    return member;
  }

  get leaders(): Candidate[] {
    return this.members.filter(({ state }) => state === 'leading');
  }

  async entries(): Promise<Entry[]> {
    const handle = this.log.open();
    const { last } = await handle.bounds();
    const entries: Entry[] = [];
    if (last === 0) return entries;
    for await (const { seq, data } of handle.tail({ fromSeq: 0, signal: new AbortController().signal })) {
      entries.push(JSON.parse(decoder.decode(data)));
      if (seq === last) break;
    }
    return entries;
  }
}

/** One that leads and one that follows it. */
async function pair(): Promise<{ cluster: Cluster; first: Candidate; second: Candidate }> {
  const cluster = new Cluster();
  const first = await cluster.join('a');
  await cluster.clock.advance(10);
  const second = await cluster.join('b');
  await cluster.clock.advance(heartbeatMs);
  assert.deepEqual([first.state, second.state], ['leading', 'following']);
  return { cluster, first, second };
}

/** Somebody wins an election, and nobody hears of it. */
async function electUnheard(cluster: Cluster): Promise<void> {
  const fence = cluster.fences.open();
  const { last } = await fence.bounds();
  const mark = { subject: subjects.fence('scheduler'), id: 'unheard', data: encoder.encode('{"leader":"c"}') };
  await fence.append({ ...mark, expectedSeq: last });
}

/** The leader of the first epoch goes on as if nothing had happened, for an election timeout. */
async function hearOldLeader(cluster: Cluster): Promise<void> {
  const old = cluster.network.connect();
  for (let elapsed = 0; elapsed < electionMs; elapsed += heartbeatMs) {
    old.publish(subjects.leader('scheduler'), encoder.encode(JSON.stringify({ leader: 'a', epoch: 1 })));
    await cluster.clock.advance(heartbeatMs);
  }
}

test('a leader knows when the append began that proved its leadership last', async () => {
  const cluster = new Cluster();
  const { clock } = cluster;
  const { leader } = await cluster.join('a');
  await clock.advance(electionMs);
  assert.equal(leader.provenAt, Number.NEGATIVE_INFINITY, 'that it was elected is no proof of what came later');
  await leader.proveLeadership();
  const first = clock.monotonicNow();
  assert.equal(leader.provenAt, first);

  await clock.advance(100);
  cluster.fences.setAvailable(false);
  const proof = leader.proveLeadership();
  await clock.advance(3_000);
  assert.equal(leader.provenAt, first, 'it is not proven yet');
  cluster.fences.setAvailable(true);
  await clock.advance(3_000);
  await proof;
  assert.equal(leader.provenAt, first + 100);

  leader.resign();
  assert.equal(leader.provenAt, Number.NEGATIVE_INFINITY);
});

test('a lone candidate leads at once, also after a restart', async () => {
  const cluster = new Cluster();
  const first = await cluster.join('a');
  await cluster.clock.advance(1);
  assert.deepEqual(first.told, ['leading 1']);
  await first.leader.proveLeadership();
  first.leader.stop();
  await first.bus.close();
  const again = await cluster.join('a2');
  await cluster.clock.advance(1);
  assert.equal(again.state, 'leading');
  assert.deepEqual(await cluster.entries(), [
    { epoch: 1, what: 'elected' },
    { epoch: 3, what: 'elected' },
  ]);
});

test('one that joins follows the leader and knows it', async () => {
  const { cluster, first, second } = await pair();
  await cluster.clock.advance(60_000);
  assert.deepEqual([first.state, second.state], ['leading', 'following']);
  assert.deepEqual(second.leader.known, { leader: 'a', epoch: 1 });
  assert.deepEqual(first.told, ['leading 1']);
  assert.deepEqual(second.told, []);
});

test('who follows a leader and hears it again has nothing to tell', async () => {
  const { cluster, second } = await pair();
  let changes = 0;
  second.leader.onChange(() => changes++);
  await cluster.clock.advance(10 * heartbeatMs);
  assert.deepEqual([second.state, changes], ['following', 0]);
});

test('when the leader falls silent another leads after the election timeout, not before', async () => {
  const { cluster, first, second } = await pair();
  first.leader.stop();
  await cluster.clock.advance(electionTimeoutMs - heartbeatMs);
  assert.equal(second.state, 'following');
  await cluster.clock.advance(electionMs);
  assert.equal(second.state, 'leading');
  assert.equal(second.catchUps, 1);
});

test('a leader that resigns is followed at once', async () => {
  const { cluster, first, second } = await pair();
  first.leader.resign();
  await cluster.clock.advance(10);
  assert.deepEqual([first.state, second.state], ['resigned', 'leading']);
  assert.deepEqual(first.told, ['leading 1', 'following: it resigned']);
  await assert.rejects(first.leader.proveLeadership(), FencedError);
});

test('a leader that was cut off loses its next append, and follows', async () => {
  const { cluster, first, second } = await pair();
  first.bus.disconnect();
  await cluster.clock.advance(electionMs);
  assert.deepEqual([first.state, second.state], ['leading', 'leading']);
  assert.equal(await second.write(), true);
  assert.equal(await first.write(), false);
  await cluster.clock.advance(10);
  assert.equal(first.state, 'following');
  assert.match(first.told.at(-1) ?? '', /^following: somebody else wrote on flotilla\.log\.cluster/);
  const epochs = (await cluster.entries()).map(({ epoch }) => epoch);
  assert.deepEqual(epochs, [1, 2, 2]);
});

test('a leader that was cut off follows as soon as it hears its successor', async () => {
  const { cluster, first, second } = await pair();
  first.bus.disconnect();
  await cluster.clock.advance(electionMs);
  first.bus.reconnect();
  await cluster.clock.advance(heartbeatMs);
  assert.deepEqual([first.state, second.state], ['following', 'leading']);
  assert.equal(first.told.at(-1), 'following: b leads in epoch 2');
  assert.deepEqual(second.told, ['leading 2']);
});

test('a leader that was cut off cannot prove its leadership', async () => {
  const { cluster, first, second } = await pair();
  first.bus.disconnect();
  await cluster.clock.advance(electionMs);
  await assert.rejects(first.leader.proveLeadership(), FencedError);
  await second.leader.proveLeadership();
  await cluster.clock.advance(10);
  assert.equal(first.state, 'following');
});

test('the heartbeats of an old leader impress nobody', async () => {
  const { cluster, first, second } = await pair();
  first.bus.disconnect();
  await cluster.clock.advance(electionMs);
  const third = await cluster.join('c');
  await cluster.clock.advance(heartbeatMs);
  second.leader.stop();
  await hearOldLeader(cluster);
  assert.equal(third.state, 'leading');
});

test('a candidate that missed an election gives the winner time to be heard', async () => {
  const { cluster, first, second } = await pair();
  first.leader.stop();
  await electUnheard(cluster);
  await cluster.clock.advance(electionMs);
  assert.equal(second.state, 'following');
  await cluster.clock.advance(electionMs);
  assert.equal(second.state, 'leading');
});

test('a candidate that missed an election does not take its old leader for the winner', async () => {
  const { cluster, first, second } = await pair();
  first.leader.stop();
  await electUnheard(cluster);
  await cluster.clock.advance(electionMs);
  await hearOldLeader(cluster);
  assert.equal(second.state, 'leading');
});

test('proofs that wait share one append, and none rests on an append that began before it', async () => {
  const { cluster, first } = await pair();
  const before = (await cluster.fences.open().bounds()).last;
  await Promise.all(Array.from({ length: 10 }, () => first.leader.proveLeadership()));
  assert.equal((await cluster.fences.open().bounds()).last, before + 2);
});

test('while the log of fences is away nobody wins and the leader goes on; afterwards the silent one is replaced', async () => {
  const { cluster, first, second } = await pair();
  cluster.fences.setAvailable(false);
  await cluster.clock.advance(60_000);
  assert.deepEqual([first.state, second.state], ['leading', 'following']);
  first.leader.stop();
  await cluster.clock.advance(60_000);
  assert.equal(second.state, 'campaigning');
  cluster.fences.setAvailable(true);
  await cluster.clock.advance(5_000);
  assert.equal(second.state, 'leading');
});

test('a proof waits for the log to come back', async () => {
  const { cluster, first } = await pair();
  cluster.fences.setAvailable(false);
  const proof = first.leader.proveLeadership();
  await cluster.clock.advance(30_000);
  cluster.fences.setAvailable(true);
  await cluster.clock.advance(2_000);
  await proof;
  assert.equal(first.state, 'leading');
});

test('a campaign or a proof whose answer was lost counts', async () => {
  const cluster = new Cluster();
  const first = new Candidate(cluster, 'a');
  first.fence.loseNextAnswer('stored');
  await cluster.clock.advance(1_000);
  assert.equal(first.state, 'leading');
  first.fence.loseNextAnswer('stored');
  const proof = first.leader.proveLeadership();
  await cluster.clock.advance(1_000);
  await proof;
});

test('a winner that cannot catch up leaves the place and tries again', async () => {
  const cluster = new Cluster();
  const first = new Candidate(cluster, 'a');
  first.log.setConnected(false);
  await cluster.clock.advance(100);
  assert.match(first.told[0] ?? '', /^following: it could not take over: LogUnavailableError/);
  first.log.setConnected(true);
  await cluster.clock.advance(electionMs);
  assert.equal(first.state, 'leading');
});

test('messages that are no heartbeats change nothing', async () => {
  const { cluster, first, second } = await pair();
  const noise = cluster.network.connect();
  for (const text of ['', 'null', '[]', '{"leader":7,"epoch":99}', '{"leader":"x"}', '\u0000']) {
    noise.publish(subjects.leader('scheduler'), encoder.encode(text));
  }
  await cluster.clock.advance(10);
  assert.deepEqual([first.state, second.state], ['leading', 'following']);
});

const step = fc.oneof(
  fc.record({ kind: fc.constantFrom('cut', 'heal', 'cutLog', 'healLog', 'write', 'prove'), who: fc.nat(2) }),
  fc.record({ kind: fc.constant('wait'), who: fc.integer({ min: 1, max: 2_500 }) }),
);

test('property: over any faults epochs on the log only grow, and afterwards exactly one leads', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const cluster = new Cluster();
      for (const id of ['a', 'b', 'c']) await cluster.join(id);
      const running: Promise<unknown>[] = [];
      for (const { kind, who } of steps) {
        const member = cluster.members[who % 3];
        assert(member);
        if (kind === 'cut') member.bus.disconnect();
        if (kind === 'heal') member.bus.reconnect();
        if (kind === 'cutLog') for (const handle of [member.log, member.fence]) handle.setConnected(false);
        if (kind === 'healLog') for (const handle of [member.log, member.fence]) handle.setConnected(true);
        if (kind === 'write' && member.state === 'leading' && running.length === 0) running.push(member.write());
        if (kind === 'prove' && member.state === 'leading') running.push(ignoreFence(member.leader.proveLeadership()));
        if (kind === 'wait') await cluster.clock.advance(who);
      }
      for (const { bus, log, fence } of cluster.members) {
        bus.reconnect();
        for (const handle of [log, fence]) handle.setConnected(true);
      }
      await cluster.clock.advance(10_000);
      await Promise.all(running);
      assert.equal(cluster.leaders.length, 1);
      const epochs = (await cluster.entries()).map(({ epoch }) => epoch);
      assert.deepEqual(
        epochs,
        epochs.toSorted((one, other) => one - other),
      );
      for (const { leader } of cluster.members) leader.stop();
    }),
    { numRuns: 60 },
  );
});

async function ignoreFence(proof: Promise<void>): Promise<void> {
  await proof.catch((error) => assert(error instanceof FencedError));
}
