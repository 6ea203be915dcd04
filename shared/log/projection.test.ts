import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { actions } from '../../test/support/arbitraries.ts';
import { PlayedCluster } from '../../test/support/playCluster.ts';
import { joined } from '../../test/support/samples.ts';
import type { Event } from '../domain/events.ts';
import { serializeState } from '../domain/serializeState.ts';
import { encodeCommit, hashCommit } from '../protocol/commit.ts';
import { subjects } from '../protocol/subjects.ts';
import { CorruptCommitError, NewerSchemaError, schemaVersion } from '../protocol/upcasts.ts';
import type { LogRecord } from './eventLog.ts';
import { BrokenChainError, emptyHead } from './fold.ts';
import { Projection } from './projection.ts';

/** Commits on two subjects in turns, each chained to the one before it on its own. */
function history(commits: readonly { events: Event[] }[]): LogRecord[] {
  const prev: Record<string, string> = {};
  return commits.map(({ events }, index) => {
    const subject = index % 3 === 2 ? subjects.nodeLog('m1') : subjects.clusterLog;
    const commit = {
      v: schemaVersion,
      id: `id-${index}`,
      at: index,
      by: 'me',
      cause: 'c',
      prev: prev[subject] ?? '',
      events,
    };
    const data = encodeCommit(commit);
    prev[subject] = hashCommit(data);
    return { seq: index + 1, subject, id: commit.id, data };
  });
}

function replay(records: readonly LogRecord[], projection = new Projection()): Projection {
  for (const record of records) projection.apply(record);
  return projection;
}

const histories = actions.map((of) => {
  const cluster = new PlayedCluster();
  for (const action of of) cluster.act(action);
  return history(cluster.commits);
});
const sample = history([
  { events: [joined('m1')] },
  { events: [joined('m2')] },
  { events: [] },
  { events: [joined('m3')] },
]);

describe('a record that several fold', () => {
  const shared = (records: readonly LogRecord[]) => records.map((record) => ({ ...record, shared: {} }));

  test('property: is the same to each of them as one of its own', () => {
    fc.assert(
      fc.property(histories, (records) => {
        const [alone, common] = [replay(records), shared(records)];
        for (const projection of [replay(common), replay(common)])
          assert.deepEqual(serializeState(projection.state), serializeState(alone.state));
      }),
    );
  });

  test('is read once, and no fold can change it for the others', () => {
    const [first] = shared(sample);
    assert.ok(first);
    const commit = new Projection().apply(first);
    assert.equal(new Projection().apply(first), commit);
    assert.throws(() => commit.events.pop(), TypeError);
  });
});

describe('a projection', () => {
  test('knows where it is and where each subject ends', () => {
    const projection = replay(sample);
    const [, , third, fourth] = sample;
    assert.ok(third && fourth);
    assert.equal(projection.seq, 4);
    assert.deepEqual(projection.head(subjects.clusterLog), { seq: 4, hash: hashCommit(fourth.data) });
    assert.deepEqual(projection.head(subjects.nodeLog('m1')), { seq: 3, hash: hashCommit(third.data) });
    assert.deepEqual(projection.head(subjects.nodeLog('m2')), emptyHead);
  });

  test('tells each commit once it is in the state, until it is told not to', () => {
    const projection = new Projection();
    const told: string[] = [];
    const off = projection.onCommit(({ id }, seq) => told.push(`${id} ${seq} ${projection.state.machines.size}`));
    replay(sample.slice(0, 2), projection);
    off();
    replay(sample.slice(2), projection);
    assert.deepEqual(told, ['id-0 1 1', 'id-1 2 2']);
  });

  test('wakes who waits for a sequence when it is in the state, or when they give up', async () => {
    const projection = replay(sample.slice(0, 1));
    const giveUp = new AbortController();
    const woken: string[] = [];
    const wait = (name: string, seq: number, signal?: AbortSignal) =>
      projection.reached(seq, signal).then(() => woken.push(name));
    const waits = [wait('now', 1), wait('two', 2), wait('three', 3), wait('never', 100, giveUp.signal)];
    await waits[0];
    replay(sample.slice(1, 2), projection);
    await waits[1];
    assert.deepEqual(woken, ['now', 'two']);
    replay(sample.slice(2), projection);
    giveUp.abort();
    await Promise.all(waits);
    assert.deepEqual(woken, ['now', 'two', 'three', 'never']);
    await projection.reached(100, giveUp.signal);
  });

  test('goes on from a snapshot as if it had folded everything', () => {
    fc.assert(
      fc.property(histories, fc.nat(), (records, at) => {
        const cut = at % (records.length + 1);
        const resumed = Projection.restore(replay(records.slice(0, cut)).snapshot());
        assert.ok(resumed);
        replay(records.slice(cut), resumed);
        const whole = replay(records);
        assert.equal(serializeState(resumed.state), serializeState(whole.state));
        assert.deepEqual(resumed.snapshot(), whole.snapshot());
      }),
      { numRuns: 50 },
    );
  });

  test('does not take up a snapshot of another version', () => {
    const bytes = new TextDecoder().decode(replay(sample).snapshot());
    const other = bytes.replace(`"v":${schemaVersion}`, `"v":${schemaVersion + 1}`);
    assert.notEqual(other, bytes);
    assert.equal(Projection.restore(new TextEncoder().encode(other)), null);
  });
});

describe('a changed history is found', () => {
  test('whichever byte of a commit was changed that another one follows', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, where, flip) => {
        const index = which % 2;
        const tampered = sample.map((record, at) => {
          if (at !== index) return record;
          const data = record.data.slice();
          data[where % data.length] = (data[where % data.length] ?? 0) ^ flip;
          return { ...record, data };
        });
        assert.throws(() => replay(tampered), isNamed);
      }),
      { numRuns: 500 },
    );
  });

  test('when a commit is missing, comes twice, or stands on another subject', () => {
    const [first, second, third, fourth] = sample;
    assert.ok(first && second && third && fourth);
    assert.throws(() => replay([first, fourth]), BrokenChainError);
    assert.throws(() => replay([second]), BrokenChainError);
    assert.throws(() => replay([first, first]), BrokenChainError);
    assert.throws(() => replay([first, { ...second, subject: subjects.nodeLog('m1') }]), BrokenChainError);
  });

  test('and told with its place', () => {
    const [first, second] = sample;
    assert.ok(first && second);
    assert.throws(
      () => replay([first, { ...second, data: new TextEncoder().encode('{}') }]),
      /at sequence 2 of flotilla\.log\.cluster/,
    );
    assert.throws(() => replay([second]), /flotilla\.log\.cluster is broken at sequence 2.*at sequence 0/);
  });

  test('also when a commit can be read but not folded', () => {
    const nonsense = history([{ events: [{ type: 'UnitSubmitted', unit: 'a.service' } as Event] }]);
    assert.throws(() => replay(nonsense), CorruptCommitError);
  });
});

function isNamed(error: unknown): boolean {
  return [BrokenChainError, CorruptCommitError, NewerSchemaError].some((kind) => error instanceof kind);
}
