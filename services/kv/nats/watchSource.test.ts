import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { WatchEvent } from '../../../shared/domain/kv.ts';
import { messagesOf } from './watchSource.ts';

/** Changes of a few revisions, each of several keys, with values up to more than a message's size. */
const events = fc
  .array(fc.array(fc.integer({ min: 0, max: 80_000 }), { minLength: 1, maxLength: 6 }), { maxLength: 6 })
  .map((revisions) =>
    revisions.flatMap((sizes, i) =>
      sizes.map((size, n): WatchEvent => {
        const value = 'x'.repeat(size);
        const kv = { key: `k${n}`, value, createRevision: 2, modRevision: i + 2, version: 1, lease: '0' };
        return { type: 'put', kv };
      }),
    ),
  );

test('messages have all changes in their order, and say where a revision goes on in the next one', () => {
  fc.assert(
    fc.property(events, (all) => {
      const messages = messagesOf(all).map((body) => ('events' in body ? body : assert.fail()));
      assert.deepEqual(
        messages.flatMap((message) => message.events),
        all,
      );
      for (const [i, { events: own, partial }] of messages.entries()) {
        const next = messages[i + 1]?.events[0]?.kv.modRevision;
        assert.equal(partial === true, own.at(-1)?.kv.modRevision === next);
        const size = own.reduce((sum, { kv }) => sum + kv.value.length, 0);
        assert.ok(own.length === 1 || size <= 64 * 1024);
      }
    }),
  );
});
