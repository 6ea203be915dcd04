import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KvCommand, KvError, RangeRequest, TxnRequest, WatchRequest } from '../../../shared/domain/kv.ts';
import { isReadOnly } from './checkCommand.ts';
import { createStore, restoreStore } from './mvccStore.ts';
import type { Store, Watch } from './store.ts';
import { command, leaseId, rangeRequest, txn, watchRequest } from './testing/arbitraries.ts';
import { ModelStore, type ModelWatch, type Refused } from './testing/modelStore.ts';

type Step =
  | { do: 'execute'; command: KvCommand }
  | { do: 'range'; request: RangeRequest }
  | { do: 'read'; txn: TxnRequest }
  | { do: 'watch'; request: WatchRequest }
  | { do: 'pull'; watch: number; maxEvents: number }
  | { do: 'tidy' };

const execute = command.map((it): Step => ({ do: 'execute', command: it }));

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: execute },
  { weight: 2, arbitrary: rangeRequest.map((request): Step => ({ do: 'range', request })) },
  { weight: 1, arbitrary: txn.map((it): Step => ({ do: 'read', txn: it })) },
  { weight: 2, arbitrary: watchRequest.map((request): Step => ({ do: 'watch', request })) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(5), fc.integer({ min: 1, max: 3 }))
      .map(([watch, maxEvents]): Step => ({ do: 'pull', watch, maxEvents })),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'tidy' }) },
);

interface Pair {
  store: Store;
  model: ModelStore;
  watches: Watched[];
}

interface Watched {
  model: ModelWatch;
  real: Watch;
  /** Since it was last pulled. */
  told: boolean;
  toBeTold: boolean;
}

function newPair(): Pair {
  return { store: createStore(), model: new ModelStore(), watches: [] };
}

test('the store answers as a model that folds one array of changes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const pair = newPair();
      for (const it of steps) take(pair, it);
      compareAll(pair);
    }),
    { numRuns: 1000 },
  );
});

test('a restored store gives the same bytes and goes on the same', () => {
  const commands = fc.array(command, { maxLength: 40, size: 'max' });
  fc.assert(
    fc.property(commands, fc.array(step, { maxLength: 30, size: 'max' }), fc.boolean(), (before, after, tidied) => {
      const pair = newPair();
      for (const it of before) take(pair, { do: 'execute', command: it });
      if (tidied) pair.store.tidy();
      const restored = { ...pair, model: structuredModel(pair.model), store: restoreStore(pair.store.serialize()) };
      assert.equal(bytesOf(restored.store), bytesOf(pair.store));
      for (const it of after) {
        take(pair, it);
        take({ ...restored, watches: [] }, it);
      }
      compareAll(restored);
      assert.equal(bytesOf(restored.store), bytesOf(pair.store));
      assert.deepEqual(restored.store.hashKv(0), pair.store.hashKv(0));
    }),
    { numRuns: 200 },
  );
});

test('what is executed, compacted and tidied between two chunks is not in the snapshot', () => {
  const commands = fc.array(command, { maxLength: 40, size: 'max' });
  fc.assert(
    fc.property(commands, commands, (before, during) => {
      const store = createStore();
      for (const it of before) store.execute(it);
      // Longer than a chunk, so that there is something between chunks.
      store.execute({ type: 'Put', key: 'a\0long', value: 'v'.repeat(600_000) });
      const expected = bytesOf(store);
      const chunks: Uint8Array[] = [];
      for (const chunk of store.serialize()) {
        assert.ok(chunk.length <= 1024 * 1024);
        chunks.push(chunk);
        for (const it of during) store.execute(it);
        store.execute({ type: 'Compact', revision: store.revision });
        store.tidy();
      }
      assert.equal(joined(chunks), expected);
    }),
    { numRuns: 100 },
  );
});

test('giving memory back changes no answer, no hash and no snapshot', () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60, size: 'max' }), (commands) => {
      const [tidy, untidy] = [createStore(), createStore()];
      for (const it of commands) {
        assert.deepEqual(tidy.execute(it), untidy.execute(it));
        while (tidy.tidy());
      }
      assert.equal(bytesOf(tidy), bytesOf(untidy));
      assert.equal(tidy.sizeBytes, untidy.sizeBytes);
      for (let revision = 0; revision <= tidy.revision; revision++) {
        assert.deepEqual(tidy.hashKv(revision), untidy.hashKv(revision));
        const everything = { key: 'a', rangeEnd: '\0', revision };
        assert.deepEqual(tidy.range(everything), untidy.range(everything));
      }
    }),
    { numRuns: 200 },
  );
});

function take(pair: Pair, it: Step): void {
  const { store, model, watches } = pair;
  switch (it.do) {
    case 'execute':
      return executeOnBoth(pair, it.command);
    case 'range':
      return compare(store.range(it.request), model.range(it.request));
    case 'read':
      return compareRead(pair, it.txn);
    case 'watch':
      watches.push(watchBoth(pair, it.request));
      return;
    case 'pull':
      return pullBoth(pair, it.watch, it.maxEvents);
    case 'tidy':
      store.tidy();
  }
}

function executeOnBoth({ store, model, watches }: Pair, it: KvCommand): void {
  const before = model.changes.length;
  compare(store.execute(it), model.execute(it));
  for (const watched of watches) {
    watched.toBeTold ||= model.changes.slice(before).some((change) => model.concerns(watched.model, change));
    assert.equal(watched.told, watched.toBeTold);
  }
}

function watchBoth({ store, model }: Pair, request: WatchRequest): Watched {
  const watched: Partial<Watched> = { model: model.watch(request), told: false, toBeTold: false };
  const onReady = () => {
    assert.equal(watched.told, false, 'once is enough');
    watched.told = true;
  };
  return Object.assign(watched as Watched, { real: store.watch(request, onReady) });
}

function pullBoth({ model, watches }: Pair, which: number, maxEvents: number): void {
  const watched = watches[which];
  if (watched === undefined) return;
  assert.deepEqual(watched.real.pull(maxEvents), model.pull(watched.model, maxEvents));
  watched.told = false;
  watched.toBeTold = false;
}

function compareRead({ store, model }: Pair, it: TxnRequest): void {
  const answer = store.read(it);
  if (!isReadOnly(it)) return assert.equal((answer as KvError).code, 'invalid-request');
  const expected = model.execute({ type: 'Txn', ...it });
  compare('code' in answer ? answer : { type: 'Txn', ...answer }, expected);
}

function compare(answer: object, expected: object | Refused): void {
  if (!('refused' in expected)) return assert.deepEqual(answer, expected);
  assert.ok('code' in answer, `${JSON.stringify(answer)} should have been a refusal`);
  assert.ok((expected.refused as Set<string>).has(answer.code as string), `refused with ${answer.code}`);
}

function compareAll({ store, model }: Pair): void {
  assert.equal(store.revision, model.revision);
  assert.equal(store.compactRevision, model.compactRevision);
  assert.equal(store.sizeInUseBytes, model.sizeInUse());
  assert.equal(store.sizeBytes, model.size());
  for (let revision = 0; revision <= model.revision + 1; revision++) {
    const everything = { key: '\0', rangeEnd: '\0', revision };
    compare(store.range(everything), model.range(everything));
  }
  for (const lease of fc.sample(leaseId, 10)) {
    const ttlS = model.leases.get(lease);
    assert.deepEqual(store.lease(lease), ttlS === undefined ? null : { ttlS, keys: model.keysOf(lease) });
  }
}

function structuredModel(model: ModelStore): ModelStore {
  return Object.assign(new ModelStore(), structuredClone({ ...model }));
}

function bytesOf(store: Store): string {
  return joined([...store.serialize()]);
}

function joined(chunks: readonly Uint8Array[]): string {
  return Buffer.concat(chunks).toString('latin1');
}
