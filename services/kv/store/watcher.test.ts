import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KvCommand, WatchRequest } from '../../../shared/domain/kv.ts';
import { createStore } from './mvccStore.ts';
import type { Store, Watch } from './store.ts';
import { del, given, put, txn } from './testing/storeSpec.ts';

const all = { key: '\0', rangeEnd: '\0' };

/** As `a@2` for a put and `-a@3` for a deletion, with `<value` for what was there before. */
function pull(watch: Watch, maxEvents = 1000): string[] | 'compacted' {
  const result = watch.pull(maxEvents);
  if (!('events' in result)) return 'compacted';
  return result.events.map(({ type, kv, prevKv }) => {
    const before = prevKv ? `<${prevKv.value}` : '';
    return `${type === 'delete' ? '-' : ''}${kv.key}@${kv.modRevision}${before}`;
  });
}

function watchOf(store: Store, request: Partial<WatchRequest> = {}): Watch {
  return store.watch({ ...all, ...request }, () => {});
}

test('a watch without a start sees what comes, not what was', () => {
  const { store } = given(put('a'));
  const watch = watchOf(store);
  assert.deepEqual(watch.pull(10), { revision: 2, events: [] });
  store.execute(put('b'));
  assert.deepEqual(pull(watch), ['b@3']);
});

test('a watch from the past sees everything from there on, once', () => {
  const { store } = given(put('a'), put('b'), put('a'));
  const watch = watchOf(store, { key: 'a', rangeEnd: '', startRevision: 2 });
  store.execute(del('a'));
  assert.deepEqual(pull(watch), ['a@2', 'a@4', '-a@5']);
  assert.deepEqual(pull(watch), []);
  store.execute(put('a'));
  assert.deepEqual(pull(watch), ['a@6']);
});

test('a watch from the future sees nothing earlier', () => {
  const { store } = given(put('a'));
  const watch = watchOf(store, { startRevision: 4 });
  store.execute(put('a'));
  assert.deepEqual(pull(watch), []);
  store.execute(put('b'));
  assert.deepEqual(pull(watch), ['b@4']);
});

test('a deletion has the key and its revision, nothing else', () => {
  const { store } = given(put('a', 'x'));
  const watch = watchOf(store);
  store.execute(del('a'));
  assert.deepEqual(watch.pull(1), {
    revision: 3,
    events: [
      { type: 'delete', kv: { key: 'a', value: '', createRevision: 0, modRevision: 3, version: 0, lease: '0' } },
    ],
  });
});

test('a revision is never split, and at least one is given', () => {
  const { store } = given();
  const [pending, behind] = [watchOf(store), watchOf(store, { startRevision: 1 })];
  const late = given(put('x')).store;
  for (const command of [txn(put('a'), put('b'), put('c')), put('d'), txn(put('e'), put('f'))]) {
    store.execute(command);
    late.execute(command);
  }
  for (const [watch, offset] of [
    [pending, 0],
    [behind, 0],
    [watchOf(late, { startRevision: 3 }), 1],
  ] as const) {
    const at = (key: string, revision: number) => `${key}@${revision + offset}`;
    assert.deepEqual(pull(watch, 1), [at('a', 2), at('b', 2), at('c', 2)]);
    assert.deepEqual(pull(watch, 2), [at('d', 3), at('e', 4), at('f', 4)]);
    assert.deepEqual(pull(watch, 2), []);
  }
});

test('a pull says up to which revision its client has seen everything', () => {
  const { store } = given(put('a'), put('a'), put('x'));
  const watch = watchOf(store, { key: 'a', rangeEnd: 'b', startRevision: 2 });
  const revisions = [1, 1, 1].map((max) => {
    const result = watch.pull(max);
    return 'revision' in result && result.revision;
  });
  assert.deepEqual(revisions, [2, 3, 4]);
});

test('puts or deletions can be left out', () => {
  const { store } = given();
  const [deletions, puts, none] = [
    watchOf(store, { noPut: true }),
    watchOf(store, { noDelete: true }),
    watchOf(store, { noPut: true, noDelete: true, startRevision: 1 }),
  ];
  store.execute(put('a'));
  store.execute(del('a'));
  assert.deepEqual([pull(deletions), pull(puts), pull(none)], [['-a@3'], ['a@2'], []]);
});

test('what was there before comes with the event, unless it was compacted or is new', () => {
  const { store } = given(put('a', '1'), put('a', '2'), put('a', '3'), del('a'), put('a', '4'));
  const watch = () => watchOf(store, { startRevision: 3, prevKv: true });
  assert.deepEqual(pull(watch()), ['a@3<1', 'a@4<2', '-a@5<3', 'a@6']);
  store.execute({ type: 'Compact', revision: 3 });
  assert.deepEqual(pull(watch()), ['a@3', 'a@4<2', '-a@5<3', 'a@6']);
  while (store.tidy());
  assert.deepEqual(pull(watch()), ['a@3', 'a@4<2', '-a@5<3', 'a@6']);
});

test('what a key was before a transaction is what it was before all of it', () => {
  const { store } = given(put('a', 'old'));
  const watch = watchOf(store, { prevKv: true });
  store.execute(txn(txn(put('a', 'new')), txn(del('a'))));
  assert.deepEqual(pull(watch), ['a@3<old', '-a@3<old']);
});

test('a watch whose next revision was compacted is over', () => {
  const { store } = given(put('a'), put('a'), put('a'));
  const [early, exact] = [watchOf(store, { startRevision: 2 }), watchOf(store, { startRevision: 3 })];
  store.execute({ type: 'Compact', revision: 3 });
  assert.deepEqual(early.pull(1), { compactRevision: 3 });
  assert.deepEqual(early.pull(1), { compactRevision: 3 });
  assert.deepEqual(pull(exact), ['a@3', 'a@4']);
  assert.deepEqual(pull(watchOf(store, { startRevision: 2 })), 'compacted');
});

test('a watch that keeps up outlives every compaction', () => {
  const { store } = given(put('a'));
  const watch = watchOf(store);
  store.execute(put('b'));
  store.execute(put('b'));
  store.execute({ type: 'Compact', revision: 4 });
  while (store.tidy());
  assert.deepEqual(pull(watch), ['b@3', 'b@4']);
});

test('a slow watch takes from the history, and misses and repeats nothing', () => {
  const { store } = given();
  const watch = watchOf(store, { key: 'a', rangeEnd: '' });
  const expected: string[] = [];
  for (let revision = 2; revision < 4_002; revision++) {
    const key = revision % 2 === 0 ? 'a' : 'b';
    store.execute(put(key));
    if (key === 'a') expected.push(`a@${revision}`);
  }
  const seen: string[] = [];
  for (let next = pull(watch, 300); next.length > 0; next = pull(watch, 300)) seen.push(...next);
  assert.deepEqual(seen, expected);
  store.execute(put('a'));
  assert.deepEqual(pull(watch), ['a@4002']);
});

test('a slow watch is overtaken by a compaction', () => {
  const { store } = given();
  const watch = watchOf(store);
  for (let i = 0; i < 1_500; i++) store.execute(put('a'));
  store.execute({ type: 'Compact', revision: 100 });
  assert.deepEqual(pull(watch), 'compacted');
});

test('one revision of very many changes is given whole', () => {
  const { store } = given();
  for (let i = 0; i < 3_000; i++) store.execute(put(`k${i}`));
  const watch = watchOf(store);
  store.execute(del('k', 'l'));
  assert.equal(pull(watch, 10).length, 3_000);
  assert.deepEqual(pull(watch, 10), []);
});

test('a client is told when a command is done, once until it looks', () => {
  const store = createStore();
  let told = 0;
  const watch: Watch = store.watch(all, () => {
    told++;
    assert.equal(store.revision, told === 1 ? 2 : 4);
  });
  store.execute(put('a'));
  store.execute(put('a'));
  assert.equal(told, 1);
  watch.pull(1);
  store.execute(put('a'));
  assert.equal(told, 2);
});

test('a client may pull, watch, close and even execute when it is told', () => {
  const store = createStore();
  const seen: string[][] = [];
  const commands: KvCommand[] = [put('b'), put('c')];
  const watch: Watch = store.watch(all, () => {
    seen.push(pull(watch) as string[]);
    const next = commands.shift();
    if (next) store.execute(next);
    else watch.close();
    store.watch(all, () => {});
  });
  const other = watchOf(store);
  store.execute(put('a'));
  assert.deepEqual(seen, [['a@2'], ['b@3'], ['c@4']]);
  assert.deepEqual(pull(other), ['a@2', 'b@3', 'c@4']);
});

test('a closed watch is told nothing and gives nothing', () => {
  const { store } = given(put('a'));
  const watches: Watch[] = [];
  const closeAll = () => {
    for (const watch of watches) watch.close();
  };
  let told = 0;
  for (let i = 0; i < 3; i++) {
    watches.push(
      store.watch(all, () => {
        told++;
        closeAll();
      }),
    );
  }
  store.execute(put('a'));
  assert.equal(told, 1);
  assert.deepEqual(
    watches.map((watch) => pull(watch)),
    [[], [], []],
  );
  closeAll();
});
