import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeJson } from '../../shared/protocol/json.ts';
import { HeartbeatReplies, parseAssignment, parseJournalRequest } from './parseMessages.ts';

const good = { machine: 'm1', cluster: 'c1', session: 's1', version: 3, units: [] };

test('an assignment is taken as it was sent', () => {
  const unit = {
    name: 'a.service',
    text: '',
    hash: 'h',
    desired: 'launched',
    token: 1,
    goal: 2,
    restart: 0,
    cluster: 'c1',
    timer: { last: 5 },
    monitored: { unit: 'b.service', result: 'exit-code', exit: { code: 1 }, invocation: 'id' },
  };
  const assignment = { ...good, units: [unit] };
  assert.deepEqual(
    parseAssignment(encodeJson(assignment), (error) => assert.fail(String(error))),
    assignment,
  );
});

test('what is no assignment, request or reply is null and never throws', () => {
  const bad = fc.oneof(
    fc.uint8Array(),
    fc.json().map((json) => new TextEncoder().encode(json)),
    fc.constantFrom({ ...good, version: '99' }, { ...good, units: [{}] }, {}).map(encodeJson),
  );
  fc.assert(
    fc.property(bad, (data) => {
      const errors: unknown[] = [];
      assert.equal(
        parseAssignment(data, (error) => errors.push(error)),
        null,
      );
      assert.equal(
        parseJournalRequest(data, (error) => errors.push(error)),
        null,
      );
      assert.equal(new HeartbeatReplies().read(data), null);
      assert.equal(errors.length, 2);
    }),
  );
});

test('an answer to a heartbeat is read anew when it is another one than the last', () => {
  const replies = new HeartbeatReplies();
  const first = { ok: true, assignment: 1, resync: false };
  const buffer = encodeJson(first);
  assert.deepEqual(replies.read(buffer), first);
  // The connection may use its buffer again.
  buffer.set(encodeJson({ ok: true, assignment: 2, resync: false }));
  assert.deepEqual(replies.read(buffer), { ok: true, assignment: 2, resync: false });
  assert.equal(replies.read(encodeJson('none')), null);
  assert.deepEqual(replies.read(encodeJson(first)), first);
  assert.deepEqual(replies.read(encodeJson(first)), first);
  const refusal = { ok: false, code: 'join' };
  assert.deepEqual(replies.read(encodeJson(refusal)), refusal);
});
