/** What every snapshot store does, whatever it is made of: run on the real one and on its twin. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type OnPassedOver, type SnapshotStore, SnapshotStoreError } from './snapshots.ts';

interface Setup {
  open(onPassedOver: OnPassedOver): SnapshotStore;
  /** Changes what is kept of that snapshot. */
  damage(name: string): Promise<void>;
}

const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, index) => (index * 31 + seed) % 256);

async function* inParts(data: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < data.length; at += 300_000) yield data.subarray(at, at + 300_000);
}

export function snapshotStoreContract(title: string, setUp: (t: TestContext) => Promise<Setup>): void {
  test(`${title}: there is no snapshot before the first`, async (t) => {
    const { open } = await setUp(t);
    assert.equal(await open(assert.fail).latest('scheduler'), null);
  });

  test(`${title}: the latest snapshot of a name comes back whole, for whoever asks`, async (t) => {
    const { open } = await setUp(t);
    const store = open(assert.fail);
    await store.save('scheduler', { seq: '1' }, [bytes(10, 1)]);
    await store.save('kv', { seq: '7' }, []);
    const large = bytes(1_000_000, 2);
    await store.save('scheduler', { seq: '2', hash: 'abc' }, inParts(large));
    const found = await open(assert.fail).latest('scheduler');
    assert.deepEqual(found?.meta, { seq: '2', hash: 'abc' });
    assert(Buffer.concat(found.parts).equals(large));
    const empty = await store.latest('kv');
    assert.deepEqual(empty?.meta, { seq: '7' });
    assert.equal(Buffer.concat(empty.parts).length, 0);
  });

  test(`${title}: a damaged snapshot counts as none, with a reason, and can be replaced`, async (t) => {
    const { open, damage } = await setUp(t);
    const reasons: string[] = [];
    const store = open((name, reason) => reasons.push(`${name}: ${reason}`));
    await store.save('scheduler', { seq: '1' }, [bytes(1_000, 1)]);
    await damage('scheduler');
    assert.equal(await store.latest('scheduler'), null);
    assert.equal(reasons.length, 1);
    assert.match(reasons[0] ?? '', /^scheduler: .*digest/);
    await store.save('scheduler', { seq: '2' }, [bytes(1_000, 2)]);
    assert.equal((await store.latest('scheduler'))?.meta.seq, '2');
  });

  test(`${title}: one that was begun before another was saved does not replace it`, async (t) => {
    const { open } = await setUp(t);
    const store = open(assert.fail);
    await store.save('kv', { seq: '1' }, [bytes(10, 1)]);
    async function* slowly(): AsyncGenerator<Uint8Array> {
      yield bytes(10, 2);
      await store.save('kv', { seq: '9' }, [bytes(10, 9)]);
    }
    await assert.rejects(store.save('kv', { seq: '2' }, slowly()), SnapshotStoreError);
    const found = await store.latest('kv');
    assert.deepEqual(found?.meta, { seq: '9' });
    assert.deepEqual(new Uint8Array(Buffer.concat(found.parts)), bytes(10, 9));
  });
}
