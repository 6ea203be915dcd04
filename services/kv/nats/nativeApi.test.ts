import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { KvClient } from '../../../shared/bus/kvClient.ts';
import { type WatchItem, watchKeys } from '../../../shared/bus/kvWatch.ts';
import { createMemoryNetwork, type MemoryBus } from '../../../shared/bus/memoryBus.ts';
import { createSimulatedClock, type SimulatedClock } from '../../../shared/clock/simulatedClock.ts';
import type { WatchEvent, WatchRequest } from '../../../shared/domain/kv.ts';
import { prefixRange } from '../../../shared/domain/kvKeys.ts';
import { streamKeepAliveMs, streamWindow } from '../../../shared/protocol/kvWatch.ts';
import { createLocalStore, type LocalStore } from './testing/localStore.ts';

interface World {
  clock: SimulatedClock;
  local: LocalStore;
  client: KvClient;
  clientBus: MemoryBus;
  connect(): MemoryBus;
  /** Ends the only store. */
  leave(): void;
}

function world(t: TestContext, { maxPayload = 1024 * 1024 } = {}): World {
  const clock = createSimulatedClock(0);
  const network = createMemoryNetwork({ clock, maxPayload });
  const local = createLocalStore(clock, (error) => {
    throw error;
  });
  let id = 0;
  const clientBus = network.connect();
  const client = new KvClient({ bus: clientBus, clock, ids: () => `id${++id}`, by: 'test' });
  const serving = local.serve(network.connect(), 'one');
  t.after(() => serving.stop());
  return { clock, local, client, clientBus, connect: () => network.connect(), leave: () => serving.stop() };
}

function ok<T>(answer: { ok: true; revision: number; response: T } | { ok: false; error: unknown }) {
  assert.ok(answer.ok, JSON.stringify(answer));
  return answer;
}

describe('the client', () => {
  test('puts, reads, compares and deletes', async (t) => {
    const { client } = world(t);
    assert.equal(ok(await client.put('a', '\xff\0')).revision, 2);
    assert.equal(ok(await client.put('a', 'new', { prevKv: true })).response.prevKv?.value, '\xff\0');
    const range = ok(await client.range({ key: 'a' }));
    assert.deepEqual([range.revision, range.response.count, range.response.kvs[0]?.value], [3, 1, 'new']);
    const swap = ok(
      await client.txn({
        compare: [{ key: 'a', target: 'value', result: 'equal', value: 'old' }],
        success: [],
        failure: [{ type: 'DeleteRange', key: 'a' }],
      }),
    );
    assert.equal(swap.response.succeeded, false);
    assert.equal(ok(await client.range({ key: 'a' })).response.count, 0);
  });

  test('is told what is refused, each command of a batch by itself', async (t) => {
    const { client } = world(t);
    const results = await client.batch([
      { type: 'Put', key: '', value: '' },
      { type: 'Put', key: 'a', value: '' },
    ]);
    assert.ok(Array.isArray(results));
    assert.deepEqual(
      results.map(({ ok: done }) => done),
      [false, true],
    );
    const old = await client.range({ key: 'a', revision: 99 });
    assert.deepEqual(old.ok ? null : old.error.code, 'future-revision');
  });

  test('is told of leases, stores and hashes', async (t) => {
    const { client, local } = world(t);
    const { lease } = ok(await client.grant(60)).response;
    await client.put('a', 'x', { lease });
    assert.deepEqual(ok(await client.lease(lease)).response, { leftS: 60, ttlS: 60, keys: ['a'] });
    assert.deepEqual(ok(await client.leases()).response, { leases: [{ lease, ttlS: 60 }] });
    assert.deepEqual(ok(await client.renew(lease)).response, { ttlS: 60 });
    assert.deepEqual(ok(await client.hash()).response, local.store.hashKv(0));
    assert.equal(ok(await client.status()).response.member.name, 'one');
    const [member] = ok(await client.members()).response.members;
    assert.deepEqual(member, { id: 'one', name: 'one', clientUrls: ['http://one:2379'] });
    ok(await client.revoke(lease));
    assert.deepEqual(ok(await client.lease(lease)).response, { leftS: -1, ttlS: 0, keys: [] });
    assert.deepEqual(ok(await client.renew(lease)).response, { ttlS: 0 });
  });

  test('reads several keys at one moment, and does not write that way', async (t) => {
    const { client } = world(t);
    await client.put('a', '1');
    const compare = [{ key: 'a', target: 'value', result: 'equal', value: '1' }] as const;
    const reads = { compare: [...compare], success: [{ type: 'Range' as const, key: 'a' }], failure: [] };
    const read = ok(await client.read(reads));
    assert.deepEqual([read.revision, read.response.succeeded], [2, true]);
    const writes = { compare: [...compare], success: [{ type: 'DeleteRange' as const, key: 'a' }], failure: [] };
    const refused = await client.read(writes);
    assert.equal(refused.ok ? null : refused.error.code, 'invalid-request');
    assert.equal(ok(await client.range({ key: 'a' })).response.count, 1);
  });

  test('gets an answer that is too long for a message whole, in its order, as it was', async (t) => {
    const { client, local } = world(t, { maxPayload: 4_000 });
    for (let i = 0; i < 200; i++)
      await local.execute({ type: 'Put', key: `k${String(i).padStart(3, '0')}`, value: 'x'.repeat(i) });
    const answer = ok(await client.range({ ...prefixRange('k'), sortTarget: 'key', sortOrder: 'descend' }));
    assert.equal(answer.response.kvs.length, 200);
    assert.ok(
      answer.response.kvs.every(
        ({ key, value }, i) => key === `k${String(199 - i).padStart(3, '0')}` && value.length === 199 - i,
      ),
    );
    await local.execute({ type: 'Put', key: 'long', value: 'x'.repeat(5_000) });
    const long = await client.range({ key: 'long' });
    assert.equal(long.ok ? null : long.error.code, 'request-too-large');
  });

  test('waits for a store, and what it asked for is done once', async (t) => {
    const { client, clock, clientBus, local } = world(t);
    clientBus.disconnect();
    const put = client.put('a', '1');
    await clock.advance(6_000);
    clientBus.reconnect();
    await clock.advance(6_000);
    assert.equal(ok(await put).revision, 2);
    assert.equal(local.store.revision, 2);
  });
});

/** Lets everybody do what can be done without more time than a few ms: messages take turns of the event loop. */
async function settle({ clock }: World): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await clock.advance(1);
}

/** Gathers what a watch gives; `items` grows as it comes. */
function gather(t: TestContext, { client }: World, request: WatchRequest) {
  const stop = new AbortController();
  t.after(() => stop.abort());
  const items: WatchItem[] = [];
  const reasons: string[] = [];
  let started = -1;
  const options = { signal: stop.signal, onResume: (reason: string) => reasons.push(reason) };
  const done = (async () => {
    const watch = watchKeys(client.parts, request, { ...options, onStart: (revision) => (started = revision) });
    for await (const item of watch) items.push(item);
  })();
  const events = (): WatchEvent[] => items.flatMap((item) => ('events' in item ? item.events : []));
  return { items, events, reasons, stop, done, started: () => started };
}

const shown = (events: WatchEvent[]) => events.map(({ type, kv }) => `${type} ${kv.key} ${kv.modRevision}`);

describe('a watch', () => {
  test('begins with the next change, and shows each in its order', async (t) => {
    const w = world(t);
    await w.local.execute({ type: 'Put', key: 'a', value: 'before' });
    const watch = gather(t, w, prefixRange('a'));
    await settle(w);
    assert.equal(watch.started(), 2);
    await w.local.execute({ type: 'Put', key: 'a1', value: '' });
    await w.local.execute({ type: 'Put', key: 'b', value: '' });
    await w.local.execute({ type: 'DeleteRange', key: 'a1' });
    await settle(w);
    assert.deepEqual(shown(watch.events()), ['put a1 3', 'delete a1 5']);
  });

  test('from the past shows the past first', async (t) => {
    const w = world(t);
    for (const value of ['1', '2', '3']) await w.local.execute({ type: 'Put', key: 'a', value });
    const watch = gather(t, w, { key: 'a', startRevision: 3 });
    await settle(w);
    assert.deepEqual(shown(watch.events()), ['put a 3', 'put a 4']);
  });

  test('from what was compacted is told so, and is over', async (t) => {
    const w = world(t);
    for (const value of ['1', '2', '3']) await w.local.execute({ type: 'Put', key: 'a', value });
    await w.local.execute({ type: 'Compact', revision: 4 });
    const watch = gather(t, w, { key: 'a', startRevision: 2 });
    await settle(w);
    await watch.done;
    assert.deepEqual(watch.items, [{ error: { code: 'compacted' }, compactRevision: 4 }]);
  });

  test('that nobody can serve is told why, and is over', async (t) => {
    const w = world(t);
    const watch = gather(t, w, { key: 'a', noPut: 'yes' as unknown as boolean });
    await settle(w);
    await watch.done;
    const [item] = watch.items;
    assert.ok(item && 'error' in item && item.error.code === 'invalid-request');
  });

  test('gives a revision whole, however many messages it takes', async (t) => {
    const w = world(t);
    const watch = gather(t, w, prefixRange('k'));
    await settle(w);
    const value = 'x'.repeat(60_000);
    const success = Array.from({ length: 100 }, (_, i) => ({ type: 'Put' as const, key: `k${i}`, value }));
    await w.local.execute({ type: 'Txn', compare: [], success, failure: [] });
    await w.local.execute({ type: 'Put', key: 'k', value: '' });
    await settle(w);
    const sizes = watch.items.map((item) =>
      'events' in item ? item.events.filter((e) => e.kv.modRevision === 2).length : -1,
    );
    assert.equal(watch.events().length, 101);
    assert.equal(sizes[0], 100);
  });

  test('goes on at another store when its own is gone: nothing is missing, nothing comes twice', async (t) => {
    const w = world(t);
    const watch = gather(t, w, prefixRange('k'));
    await settle(w);
    const expected: string[] = [];
    let leave = w.leave;
    for (let i = 0; i < 20; i++) {
      const bus = w.connect();
      const next = w.local.serve(bus, `other${i}`);
      // One that is stopped says so; one that is cut off just says nothing any more.
      leave();
      leave = i % 2 === 0 ? () => bus.disconnect() : () => next.stop();
      await w.local.execute({ type: 'Put', key: `k${i}`, value: '' });
      expected.push(`k${i}`);
      await w.clock.advance(i * 700);
      await w.local.execute({ type: 'Put', key: 'other', value: '' });
      await w.local.execute({ type: 'DeleteRange', key: 'other' });
    }
    await w.clock.advance(30_000);
    assert.deepEqual(
      watch.events().map(({ kv }) => kv.key),
      expected,
    );
    assert.ok(watch.reasons.length >= 5, watch.reasons.join());
  });

  test('is told when its store leaves, and loses no time', async (t) => {
    const w = world(t);
    const watch = gather(t, w, { key: 'a' });
    await settle(w);
    w.local.serve(w.connect(), 'other');
    w.leave();
    await w.local.execute({ type: 'Put', key: 'a', value: '' });
    await w.clock.advance(200);
    await settle(w);
    assert.deepEqual([shown(watch.events()), watch.reasons], [['put a 2'], ['its store has left']]);
  });

  test('notices the loss of the last message, too', async (t) => {
    const w = world(t);
    const watch = gather(t, w, { key: 'a' });
    await settle(w);
    w.clientBus.disconnect();
    await w.local.execute({ type: 'Put', key: 'a', value: '' });
    await settle(w);
    w.clientBus.reconnect();
    await w.clock.advance(streamKeepAliveMs);
    assert.deepEqual(shown(watch.events()), ['put a 2']);
  });

  test('that is idle goes on past a compaction, wherever it goes on', async (t) => {
    const w = world(t);
    const watch = gather(t, w, { key: 'quiet' });
    await settle(w);
    for (let i = 0; i < 10; i++) await w.local.execute({ type: 'Put', key: 'busy', value: '' });
    await w.clock.advance(streamKeepAliveMs);
    await w.local.execute({ type: 'Compact', revision: 11 });
    w.clientBus.disconnect();
    await w.clock.advance(2 * streamKeepAliveMs);
    w.clientBus.reconnect();
    await w.clock.advance(streamKeepAliveMs);
    await w.local.execute({ type: 'Put', key: 'quiet', value: '' });
    await settle(w);
    assert.deepEqual(shown(watch.events()), ['put quiet 12']);
  });

  test('that is slow is sent no more than it has room for, and all of it in the end', async (t) => {
    const w = world(t);
    const sent: string[] = [];
    w.connect().subscribe('_INBOX.>', ({ data }) => {
      const text = new TextDecoder().decode(data);
      if (text.includes('"events"')) sent.push(text);
    });
    const watch = watchKeys(w.client.parts, { key: 'a' });
    const first = watch.next();
    await settle(w);
    for (let i = 0; i < 10 * streamWindow; i++) {
      await w.local.execute({ type: 'Put', key: 'a', value: String(i) });
      await settle(w);
    }
    assert.ok(sent.length <= streamWindow + 1, String(sent.length));
    const values: string[] = [];
    for (let item = (await first).value; item && 'events' in item; item = (await watch.next()).value) {
      values.push(...item.events.map(({ kv }) => kv.value));
      if (values.length >= 10 * streamWindow) break;
      await settle(w);
    }
    await watch.return();
    assert.deepEqual(
      values,
      Array.from({ length: 10 * streamWindow }, (_, i) => String(i)),
    );
  });

  test('that nobody asks for any more is ended by the store', async (t) => {
    const w = world(t);
    const watch = gather(t, w, { key: 'a' });
    await settle(w);
    assert.equal(w.local.store.revision, 1);
    w.clientBus.disconnect();
    await w.clock.advance(2 * streamKeepAliveMs);
    w.clientBus.reconnect();
    await w.clock.advance(1_500);
    assert.ok(
      watch.reasons.some((reason) => /no such stream|does not answer/.test(reason)),
      watch.reasons.join(),
    );
  });
});
