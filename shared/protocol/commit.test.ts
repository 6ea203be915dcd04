import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { joined } from '../../test/support/samples.ts';
import { type Commit, causeOf, decodeCommit, encodeCommit, genesis, hashCommit } from './commit.ts';
import { CorruptCommitError, NewerSchemaError, schemaVersion, upcast } from './upcasts.ts';

const commit: Commit = {
  v: schemaVersion,
  id: 'id-1',
  at: 1_000,
  by: 'scheduler/s1',
  cause: 'c1',
  prev: genesis,
  commands: [{ id: 'c1', type: 'JoinMachine', by: 'me@here' }],
  events: [joined('m1'), { type: 'MachineLost', machine: 'm2', reason: 'silence', cause: 'heartbeat-lost m2' }],
};

describe('a commit', () => {
  test('is read back as it was written', () => {
    assert.deepEqual(decodeCommit(encodeCommit(commit)), commit);
  });
  test('is the cause of its events, unless they have one of their own', () => {
    assert.deepEqual(
      commit.events.map((event) => causeOf(commit, event)),
      ['c1', 'heartbeat-lost m2'],
    );
  });
  test('is hashed as it was stored, every byte of it', () => {
    const data = encodeCommit(commit);
    fc.assert(
      fc.property(fc.nat(data.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = data.slice();
        changed[at] = (changed[at] ?? 0) ^ flip;
        assert.notEqual(hashCommit(changed), hashCommit(data));
      }),
    );
    assert.match(hashCommit(data), /^[0-9a-f]{64}$/);
  });
});

describe('bytes that are no commit', () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const broken: Record<string, unknown> = {
    'no object': 7,
    nothing: null,
    'no version': { ...commit, v: undefined },
    'half a version': { ...commit, v: 0.5 },
    'a version that never was': { ...commit, v: 0 },
    'no id': { ...commit, id: undefined },
    'no time': { ...commit, at: '1970' },
    'no predecessor': { ...commit, prev: undefined },
    'no events': { ...commit, events: {} },
    'an event that is none': { ...commit, events: [null] },
    'an event without a type': { ...commit, events: [{}] },
  };
  for (const [what, raw] of Object.entries(broken)) {
    test(`are corrupt: ${what}`, () => assert.throws(() => upcast(raw), CorruptCommitError));
  }
  test('are corrupt: not JSON, not UTF-8, nothing', () => {
    for (const data of [encode('{"v":1'), Uint8Array.of(0x22, 0xff, 0x22), new Uint8Array()]) {
      assert.throws(() => decodeCommit(data), CorruptCommitError);
    }
  });
  test('never come back as anything else than a commit or a named error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        assert.throws(() => decodeCommit(data), CorruptCommitError);
      }),
    );
  });
});

test('a commit of a newer version says which, and what to do', () => {
  assert.throws(
    () => upcast({ ...commit, v: schemaVersion + 1 }),
    (error) =>
      error instanceof NewerSchemaError && error.found === schemaVersion + 1 && /install the newer/.test(error.message),
  );
});

test('a commit of this version is taken as it is', () => {
  assert.equal(upcast(commit), commit);
});
