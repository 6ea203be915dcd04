import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KvCommand } from '../../shared/domain/kv.ts';
import { MemoryStores, type RunningStore } from '../../test/support/memoryStores.ts';
import { until } from '../../test/support/until.ts';
import { LogShortenedError } from './projection.ts';

const put = (key: string): KvCommand => ({ type: 'Put', key, value: 'v' });

/** With snapshots this often, the tests need not wait long for one. */
const commandsPerSnapshot = 200;

async function fill(stores: MemoryStores, store: RunningStore): Promise<void> {
  for (let index = 0; index < 2 * commandsPerSnapshot; index++) await stores.execute(store, put(`k${index % 100}`));
}

describe('compactions of its own', () => {
  test('keep about as many revisions as is asked for', async (t) => {
    const stores = new MemoryStores(t, { keepRevisions: 100 });
    const a = await stores.start('a');
    for (let index = 0; index < 300; index++) await stores.execute(a, put(`k${index}`));
    await stores.clock.advance(100);
    const { revision, compactRevision } = a.service.store;
    const kept = revision - compactRevision;
    assert.ok(kept >= 100 && kept <= 112, `${kept} revisions are kept`);
  });

  test('are none where nobody asks for them', async (t) => {
    const stores = new MemoryStores(t);
    const a = await stores.start('a');
    for (let index = 0; index < 50; index++) await stores.execute(a, put('k'));
    assert.equal(a.service.store.compactRevision, 0);
  });
});

describe('the log', () => {
  test('keeps all history as long as nobody compacts', async (t) => {
    const stores = new MemoryStores(t, { commandsPerSnapshot });
    await fill(stores, await stores.start('a'));
    await until('there is a snapshot', () => stores.snapshots.latest('kv'));
    assert.equal((await stores.log.open().bounds()).first, 1);
  });

  test('forgets what is compacted and in a snapshot; a store that starts then has everything', async (t) => {
    const stores = new MemoryStores(t, { commandsPerSnapshot, keepRevisions: 100 });
    const a = await stores.start('a');
    await untilShortened(stores, a);
    const b = await stores.start('b');
    assert.equal(b.state, 'following');
    const all = { key: '\0', rangeEnd: '\0' };
    assert.deepEqual(await stores.range(b, all), await stores.range(a, all));
  });

  test('that has forgotten what a store needs next, and no snapshot to read it from, is said to be so', async (t) => {
    const stores = new MemoryStores(t, { commandsPerSnapshot, keepRevisions: 100 });
    await untilShortened(stores, await stores.start('a'));
    stores.snapshots.damage('kv');
    const error = await (await stores.start('b')).ended;
    assert.ok(error instanceof LogShortenedError);
    assert.match(error.message, /the log begins at sequence \d+, after 0/);
  });
});

async function untilShortened(stores: MemoryStores, store: RunningStore): Promise<void> {
  await until('the log has forgotten its beginning', async () => {
    await fill(stores, store);
    return (await stores.log.open().bounds()).first > 1;
  });
}
