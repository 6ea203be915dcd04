import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KvCommand } from '../../shared/domain/kv.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { electionMs, MemoryStores, type RunningStore } from '../../test/support/memoryStores.ts';
import { KvProjection } from './projection.ts';

const put = (key: string, value: string): KvCommand => ({ type: 'Put', key, value });

async function three(stores: MemoryStores): Promise<[RunningStore, RunningStore, RunningStore]> {
  return [await stores.start('a'), await stores.start('b'), await stores.start('c')];
}

describe('a store', () => {
  test('leads at once when it is alone, and says so on the log', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    assert.deepEqual(a.states, ['replaying', 'following', 'leading']);
    const [commit] = await stores.commits();
    assert.equal(commit?.events[0]?.type, 'LeaderElected');
    assert.match(commit?.by ?? '', /^kv\/a\//);
  });

  test('executes what it is asked, durably, and answers with the revision', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    assert.deepEqual(await stores.put(a, 'k', 'v'), { ok: true, revision: 2, response: { type: 'Put' } });
    assert.equal(await stores.get(a, 'k'), 'v');
    const commits = await stores.commits();
    assert.deepEqual(commits.at(-1)?.events[0]?.type, 'KvExecuted');
  });

  test('puts what came while an append was under way into one commit', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    const results = await stores.resolve(Promise.all(keys.map((key) => a.service.execute(put(key, 'v')))));
    assert.ok(results.every(({ ok }) => ok));
    assert.ok((await stores.commits()).length <= 4, 'fifty requests share commits');
  });

  test('refuses what cannot be, and has nothing of it on the log', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    const before = (await stores.commits()).length;
    assert.deepEqual(await stores.put(a, '', 'v'), { ok: false, error: { code: 'empty-key' } });
    assert.equal((await stores.commits()).length, before);
  });

  test('has a transaction that only reads on no log', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    await stores.put(a, 'k', 'v');
    const before = (await stores.commits()).length;
    const compare = [{ key: 'k', target: 'value', result: 'equal', value: 'v' } as const];
    const read: KvCommand = { type: 'Txn', compare, success: [{ type: 'Range', key: 'k' }], failure: [] };
    const result = await stores.execute(a, read);
    assert.ok(result.ok && result.response.type === 'Txn' && result.response.succeeded);
    assert.equal((await stores.commits()).length, before);
  });

  test('a request that comes again is answered, not repeated, also by the next leader', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b] = await three(stores);
    const first = await stores.execute(a, put('k', '1'), 'request-1');
    assert.deepEqual(await stores.execute(a, put('k', '1'), 'request-1'), first);
    a.isolate();
    await stores.clock.advance(electionMs);
    assert.deepEqual(await stores.execute(b, put('k', '1'), 'request-1'), first);
    const [kv] = (await stores.range(b, { key: 'k' })).kvs;
    assert.equal(kv?.version, 1);
  });
});

describe('a request that is asked again', () => {
  test('after its time was up, while the log was away, is executed once', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    stores.log.setAvailable(false);
    const first = a.service.execute(put('k', 'v'), { id: 'x' });
    await stores.clock.advance(13_000);
    const again = a.service.execute(put('k', 'v'), { id: 'x' });
    await stores.clock.advance(2_000);
    stores.log.setAvailable(true);
    await stores.resolve(Promise.all([first, again]));
    await stores.clock.advance(electionMs);
    assert.equal((await stores.range(a, { key: 'k' })).kvs[0]?.version, 1);
  });
});

describe('of several stores', () => {
  test('one leads; the others forward writes, and have them when they are answered', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b, c] = await three(stores);
    assert.deepEqual(
      [a, b, c].map(({ state }) => state),
      ['leading', 'following', 'following'],
    );
    const result = await stores.put(b, 'k', 'v');
    assert.ok(result.ok);
    assert.equal(b.service.store.revision, result.revision);
    assert.equal(await stores.get(c, 'k'), 'v');
  });

  test('a follower that is behind does not answer a read before it has caught up', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b] = await three(stores);
    b.log.setConnected(false);
    await stores.put(a, 'k', 'new');
    const reading = stores.get(b, 'k');
    await stores.clock.advance(1_000);
    b.log.setConnected(true);
    assert.equal(await reading, 'new');
  });

  test('a leader that was cut off answers no read from what it has', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b] = await three(stores);
    await stores.put(a, 'k', 'old');
    a.isolate();
    await stores.clock.advance(electionMs);
    await stores.put(b, 'k', 'new');
    const barrier = a.service.readBarrier();
    await stores.clock.advance(1_000);
    a.reconnect();
    const error = await stores.resolve(barrier);
    // Either it says that it cannot tell, or it has what the new leader wrote.
    if (error === null) assert.deepEqual(a.service.store.range({ key: 'k' }), await stores.range(b, { key: 'k' }));
    await stores.clock.advance(electionMs);
    assert.equal(await stores.get(a, 'k'), 'new');
  });

  test('the next one leads with everything that was acknowledged, and nobody writes beside it', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b, c] = await three(stores);
    for (let index = 0; index < 20; index++) await stores.put(a, `k${index}`, 'v');
    a.isolate();
    const lost = a.service.execute(put('lost', 'v'));
    await stores.clock.advance(electionMs);
    const leaders = [b, c].filter(({ state }) => state === 'leading');
    assert.equal(leaders.length, 1);
    assert.equal((await stores.range(c, { key: 'k', rangeEnd: 'l', countOnly: true })).count, 20);
    a.reconnect();
    await stores.resolve(lost);
    await stores.clock.advance(electionMs);
    assert.equal(a.state, 'following');
  });

  test('nobody to lead: a write is refused in time, and says that there is no leader', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b, c] = await three(stores);
    stores.log.setAvailable(false);
    stores.fences.setAvailable(false);
    a.isolate();
    for (const store of [b, c]) store.bus.disconnect();
    const result = await stores.resolve(b.service.execute(put('k', 'v')), 500);
    assert.ok(!result.ok);
    assert.ok(['no-leader', 'timeout'].includes(result.error.code));
  });

  test('a write takes twelve seconds at most, also when its store learns late that it does not lead', async (t) => {
    const stores = new MemoryStores(t);
    const [a] = await three(stores);
    a.isolate();
    const begun = stores.clock.monotonicNow();
    const write = a.service.execute(put('k', 'v'));
    await stores.clock.advance(8_000);
    a.log.setConnected(true);
    const result = await stores.resolve(write, 500);
    assert.deepEqual(result, { ok: false, error: { code: 'timeout' } });
    assert.ok(stores.clock.monotonicNow() - begun <= 12_500);
  });

  test('leadership is handed over to the member that is named', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b] = await three(stores);
    await stores.clock.advance(2_000);
    assert.deepEqual(
      a.service.members().map(({ name }) => name),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(await stores.resolve(b.service.moveLeader(b.service.status.member.id)), { code: 'not-leader' });
    assert.deepEqual(await stores.resolve(a.service.moveLeader('1')), { code: 'bad-leader-transferee' });
    assert.equal(await stores.resolve(a.service.moveLeader(b.service.status.member.id)), null);
    await stores.clock.advance(1_000);
    assert.deepEqual([a.state, b.state], ['following', 'leading']);
    assert.equal(a.service.status.leaderId, b.service.status.member.id);
  });

  test('they tell whether anybody leads', async (t) => {
    const stores = new MemoryStores(t);
    const [a] = await three(stores);
    const told: boolean[] = [];
    a.service.onLeader((known) => void told.push(known));
    a.isolate();
    await stores.clock.advance(electionMs);
    a.reconnect();
    await stores.clock.advance(electionMs);
    assert.equal(told[0], false);
    assert.equal(told.at(-1), true);
  });
});

describe('leases', () => {
  const grant: KvCommand = { type: 'LeaseGrant', lease: '7', ttlS: 5 };
  const held: KvCommand = { type: 'Put', key: 'k', value: 'v', lease: '7' };

  test('end when nobody renews them, with their keys, as an entry of the log', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    await stores.execute(a, grant);
    await stores.execute(a, held);
    await stores.clock.advance(4_500);
    assert.equal(await stores.get(a, 'k'), 'v');
    await stores.clock.advance(1_500);
    assert.equal(await stores.get(a, 'k'), undefined);
    const last = (await stores.commits()).at(-1)?.events[0];
    assert.ok(last?.type === 'KvExecuted');
    assert.deepEqual(last.commands, [{ type: 'LeaseExpire', lease: '7' }]);
  });

  test('live on while they are renewed, at any store', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b] = await three(stores);
    await stores.execute(a, grant);
    await stores.execute(a, held);
    for (let round = 0; round < 5; round++) {
      await stores.clock.advance(3_000);
      assert.deepEqual(await stores.resolve(b.service.renewLease('7')), { ttlS: 5 });
    }
    assert.equal(await stores.get(a, 'k'), 'v');
    assert.deepEqual(await stores.resolve(b.service.remainingTtl('7')), { ttlS: 5 });
  });

  test('that nobody has granted have no time left, and cannot be renewed', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    assert.deepEqual(await stores.resolve(a.service.renewLease('99')), { ttlS: 0 });
    assert.deepEqual(await stores.resolve(a.service.remainingTtl('99')), { ttlS: -1 });
  });

  test('have their whole time again under a new leader', async (t) => {
    const stores = new MemoryStores(t);
    const [a, b] = await three(stores);
    await stores.execute(a, grant);
    await stores.execute(a, held);
    await stores.clock.advance(4_000);
    a.isolate();
    await stores.clock.advance(electionMs);
    assert.equal(await stores.get(b, 'k'), 'v');
    await stores.clock.advance(6_000);
    assert.equal(await stores.get(b, 'k'), undefined);
  });

  test('do not end because the log was away, when nobody could renew them', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    await stores.execute(a, grant);
    await stores.execute(a, held);
    stores.log.setAvailable(false);
    stores.fences.setAvailable(false);
    await stores.clock.advance(20_000);
    stores.log.setAvailable(true);
    stores.fences.setAvailable(true);
    await stores.clock.advance(2_000);
    assert.equal(await stores.get(a, 'k'), 'v');
  });

  test('end all the same when the log had no room for their end at first', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    await stores.execute(a, grant);
    await stores.execute(a, held);
    stores.log.setFull('the disk is full');
    await stores.clock.advance(10_000);
    stores.log.setFull(null);
    await stores.clock.advance(2_500);
    assert.equal(await stores.get(a, 'k'), undefined);
  });

  test('do not end the store when neither log nor fence has room', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    await stores.execute(a, grant);
    await stores.execute(a, held);
    for (const log of [stores.log, stores.fences]) log.setFull('the disk is full');
    await stores.clock.advance(8_000);
    void a.service.execute(put('other', 'v'));
    await stores.clock.advance(2_000);
    for (const log of [stores.log, stores.fences]) log.setFull(null);
    await stores.clock.advance(electionMs);
    assert.equal(a.state, 'leading');
    assert.equal(await stores.get(a, 'k'), undefined);
  });

  test('that are granted anew under the same number have their own time', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    await stores.execute(a, grant);
    await stores.clock.advance(4_000);
    const anew: KvCommand[] = [
      { type: 'LeaseRevoke', lease: '7' },
      { type: 'LeaseGrant', lease: '7', ttlS: 60 },
    ];
    await stores.resolve(Promise.all(anew.map((command) => a.service.execute(command))));
    await stores.execute(a, held);
    await stores.clock.advance(30_000);
    assert.equal(await stores.get(a, 'k'), 'v');
  });

  test('that are granted without a number get one', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    const result = await stores.execute(a, { type: 'LeaseGrant', lease: '0', ttlS: 1 });
    assert.ok(result.ok && result.response.type === 'LeaseGrant');
    assert.notEqual(result.response.lease, '0');
    assert.equal(result.response.ttlS, 2, 'two seconds are the least');
  });
});

describe('room', () => {
  test('that is used up raises the alarm: puts are refused, deletions are not', async (t) => {
    const stores = new MemoryStores(t, { quotaBytes: 2_000 });
    const a = await stores.start('a');
    await stores.put(a, 'k', 'x'.repeat(3_000));
    await stores.clock.advance(100);
    assert.deepEqual(
      a.service.store.alarms.map(({ alarm, member }) => [alarm, member]),
      [['NOSPACE', a.service.status.member.id]],
    );
    assert.deepEqual(await stores.put(a, 'k2', 'v'), { ok: false, error: { code: 'no-space' } });
    assert.ok((await stores.execute(a, { type: 'DeleteRange', key: 'k' })).ok);
    assert.ok((await stores.execute(a, { type: 'Compact', revision: a.service.store.revision })).ok);
    await stores.clock.advance(100);
    const { member } = a.service.status;
    assert.ok((await stores.execute(a, { type: 'AlarmDeactivate', alarm: 'NOSPACE', member: member.id })).ok);
    assert.ok((await stores.put(a, 'k2', 'v')).ok);
  });

  test('that the log has not got is a refusal that says so, and nothing is changed', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    stores.log.setFull('the disk is full');
    const result = await stores.put(a, 'k', 'v');
    assert.ok(!result.ok && result.error.code === 'log-refused');
    assert.match(result.error.message ?? '', /the disk is full/);
    stores.log.setFull(null);
    assert.ok((await stores.put(a, 'k', 'v')).ok);
    assert.equal((await stores.range(a, { key: 'k' })).kvs[0]?.version, 1);
  });
});

describe('what is folded', () => {
  test('is the same from a snapshot and the rest as from the beginning, byte for byte', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    for (let index = 0; index < 30; index++) await stores.put(a, `k${index % 7}`, `v${index}`);
    const whole = KvProjection.create();
    let snapshot: Uint8Array[] | null = null;
    for await (const record of stores.log.open().tail({ fromSeq: 1, signal: AbortSignal.timeout(1_000) })) {
      whole.apply(record);
      if (record.seq === 12) snapshot = [...whole.serialize()];
      if (record.seq === (await stores.log.open().bounds()).last) break;
    }
    const rest = snapshot && KvProjection.restore(snapshot);
    assert.ok(rest);
    assert.equal(rest.seq, 12);
    for await (const record of stores.log.open().tail({ fromSeq: 13, signal: AbortSignal.timeout(1_000) })) {
      rest.apply(record);
      if (record.seq === whole.seq) break;
    }
    assert.deepEqual(Buffer.concat([...rest.serialize()]), Buffer.concat([...whole.serialize()]));
    assert.equal(rest.head(subjects.kvLog).hash, whole.head(subjects.kvLog).hash);
  });
});
