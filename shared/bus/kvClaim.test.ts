import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { createLocalStore } from '../../services/kv/nats/testing/localStore.ts';
import { createSimulatedClock } from '../clock/simulatedClock.ts';
import { prefixRange } from '../domain/kvKeys.ts';
import { claim, proclaim, release } from './kvClaim.ts';
import { type KvAnswer, KvClient } from './kvClient.ts';
import { observeElection } from './kvElection.ts';
import { openSession } from './kvSession.ts';
import { createMemoryNetwork } from './memoryBus.ts';

function world(t: TestContext) {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock });
  const local = createLocalStore(clock, (error) => assert.fail(String(error)));
  const serving = local.serve(network.connect(), 'kv-1');
  const come = () => {
    const again = local.serve(network.connect(), 'kv-2');
    t.after(() => again.stop());
  };
  t.after(() => serving.stop());
  let ids = 0;
  const client = () => {
    const bus = network.connect();
    return { bus, store: new KvClient({ bus, clock, ids: () => `id${++ids}`, by: 'test', patienceMs: 5_000 }) };
  };
  /** Lets what was begun come as far as it can without much time. */
  const settle = async () => {
    for (let turn = 0; turn < 10; turn++) await clock.advance(1);
  };
  /** Waits for what needs nothing but messages. */
  const soon = async <T>(work: Promise<KvAnswer<T>>): Promise<T> => {
    await settle();
    const answer = await work;
    assert.ok(answer.ok, JSON.stringify(answer));
    return answer.response;
  };
  const session = async ({ store } = client(), ttlS = 10) => soon(openSession(store, { ttlS }));
  return { clock, local, client, settle, soon, session, leave: () => serving.stop(), come };
}

/** Looks at what a promise has come to without waiting for it. */
function peek<T>(work: Promise<T>): () => T | null {
  let value: T | null = null;
  void work.then((result) => {
    value = result;
  });
  return () => value;
}

describe('a session', () => {
  test('lasts as long as it is kept up, and ends with its lease when it is closed', async (t) => {
    const w = world(t);
    const held = await w.session();
    await w.clock.advance(600_000);
    assert.equal(held.lost.aborted, false);
    assert.equal(w.local.store.leases().length, 1);
    const closed = held.close();
    await w.settle();
    await closed;
    assert.deepEqual(w.local.store.leases(), []);
    assert.equal(held.lost.aborted, false);
  });

  test('that cannot be renewed is lost to its holder before the store gives it away', async (t) => {
    const w = world(t);
    const end = w.client();
    const held = await w.session(end);
    end.bus.disconnect();
    let lostAt = 0;
    held.lost.addEventListener('abort', () => (lostAt = w.local.store.leases().length));
    await w.clock.advance(20_000);
    assert.equal(lostAt, 1, 'the lease was still there when its holder gave it up');
    assert.deepEqual(w.local.store.leases(), []);
    assert.match(String(held.lost.reason), /lease 1 is lost: /);
  });

  test('outlives a store that is away for less than its time', async (t) => {
    const w = world(t);
    const held = await w.session(w.client(), 60);
    await w.clock.advance(1_000);
    w.leave();
    await w.clock.advance(35_000);
    w.come();
    await w.clock.advance(600_000);
    assert.equal(held.lost.aborted, false);
    assert.equal(w.local.store.leases().length, 1);
  });

  test('whose lease somebody revokes is lost', async (t) => {
    const w = world(t);
    const held = await w.session();
    await w.local.execute({ type: 'LeaseRevoke', lease: held.lease });
    await w.clock.advance(4_000);
    assert.match(String(held.lost.reason), /it is no more/);
  });
});

describe('a lock', () => {
  test('is held by one at a time, in the order of asking, with tokens that grow', async (t) => {
    const w = world(t);
    const tokens: number[] = [];
    const waiting = [];
    for (let i = 0; i < 4; i++) {
      const end = w.client();
      const session = await w.session(end);
      waiting.push({ ...end, seen: peek(claim(end.store, { session, name: 'l' })) });
      await w.settle();
    }
    for (const [i, { store, seen }] of waiting.entries()) {
      assert.ok(waiting.slice(i + 1).every((later) => later.seen() === null));
      const answer = seen();
      assert.ok(answer?.ok);
      tokens.push(answer.response.token);
      const released = release(store, answer.response);
      await w.settle();
      assert.equal(await released, null);
    }
    assert.deepEqual(
      tokens,
      [...tokens].sort((a, b) => a - b),
    );
    assert.equal(new Set(tokens).size, 4);
  });

  test('goes to the next one when its holder dies', async (t) => {
    const w = world(t);
    const dead = w.client();
    await w.soon(claim(dead.store, { session: await w.session(dead), name: 'l' }));
    const end = w.client();
    const next = peek(claim(end.store, { session: await w.session(end), name: 'l' }));
    dead.bus.disconnect();
    await w.clock.advance(5_000);
    assert.equal(next(), null);
    await w.clock.advance(10_000);
    assert.ok(next()?.ok);
  });

  test('that is no longer waited for leaves no place in the queue', async (t) => {
    const w = world(t);
    const holder = w.client();
    await w.soon(claim(holder.store, { session: await w.session(holder), name: 'l' }));
    const end = w.client();
    const giveUp = new AbortController();
    const waiting = claim(end.store, { session: await w.session(end), name: 'l', signal: giveUp.signal });
    await w.settle();
    giveUp.abort();
    await w.settle();
    const answer = await waiting;
    assert.equal(answer.ok ? null : answer.error.code, 'stopped');
    const queue = w.local.store.range(prefixRange('l/'));
    assert.ok('count' in queue && queue.count === 1);
  });

  test('is not had by a session that the store has ended meanwhile', async (t) => {
    const w = world(t);
    const holder = w.client();
    const held = await w.soon(claim(holder.store, { session: await w.session(holder), name: 'l' }));
    const end = w.client();
    const session = await w.session(end);
    const waiting = claim(end.store, { session, name: 'l' });
    await w.settle();
    await w.local.execute({ type: 'LeaseRevoke', lease: session.lease });
    const released = release(holder.store, held);
    await w.settle();
    await released;
    const answer = await waiting;
    assert.equal(answer.ok ? null : answer.error.code, 'lease-not-found');
  });
});

test('an election shows who leads, what the leader says, and who comes after', async (t) => {
  const w = world(t);
  const seen: string[] = [];
  const stop = new AbortController();
  const observer = w.client().store;
  const observing = (async () => {
    for await (const leader of observeElection(observer, 'e', stop.signal)) {
      seen.push('error' in leader ? leader.error.code : leader.value);
    }
  })();
  const [first, second] = [w.client(), w.client()];
  const session = await w.session(first);
  const held = await w.soon(claim(first.store, { session, name: 'e', value: 'one' }));
  const next = peek(claim(second.store, { session: await w.session(second), name: 'e', value: 'two' }));
  const said = proclaim(first.store, session, held, 'one again');
  await w.settle();
  assert.equal(await said, null);
  const closed = session.close();
  await w.settle();
  await closed;
  assert.ok(next()?.ok);
  const late = proclaim(first.store, session, held, 'not any more');
  await w.settle();
  assert.equal((await late)?.code, 'lease-not-found');
  stop.abort();
  await w.settle();
  await observing;
  assert.deepEqual(seen, ['one', 'one again', 'two']);
});
