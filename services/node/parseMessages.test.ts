import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { encodeJson } from '../../shared/protocol/json.ts';
import { parseAssignment, parseHeartbeatReply, parseJournalRequest } from './parseMessages.ts';

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
      assert.equal(parseHeartbeatReply(data), null);
      assert.equal(errors.length, 2);
    }),
  );
});
