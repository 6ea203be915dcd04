import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isRejection } from '../../shared/domain/rejection.ts';
import type { CommandBody } from '../../shared/protocol/commands.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { Query } from '../../shared/protocol/queries.ts';
import { machineFacts } from '../../test/support/samples.ts';
import { parseCommand } from './parseCommand.ts';
import { parseHeartbeat } from './parseHeartbeat.ts';
import { parseQuery } from './parseQuery.ts';

/** Bytes, and JSON of any shape with keys that the parsers look at. */
const garbage = fc.oneof(
  fc.uint8Array(),
  fc.json().map((text) => new TextEncoder().encode(text)),
  fc.dictionary(fc.constantFrom('type', 'id', 'by', 'units', 'session', 'digest'), fc.jsonValue()).map(encodeJson),
);

describe('commands', () => {
  const units = [{ name: 'a.service', text: '' }, { name: 'b.service' }];
  const bodies: CommandBody[] = [
    { type: 'SubmitUnits', units, replace: true },
    { type: 'StopUnits', units },
    { type: 'JoinMachine', ...machineFacts('m1', { capacity: { memoryBytes: 1, cpus: 0.5 }, metadata: { a: 'b' } }) },
    { type: 'LeaveMachine', machine: 'm1', session: 's', reason: 'bye' },
  ];
  for (const body of bodies) {
    test(`are read as they were sent: ${body.type}`, () => {
      const command = { ...body, id: 'c1', by: 'me@here' };
      assert.deepEqual(parseCommand(encodeJson(command)), command);
    });
  }
  test('of the wrong shape are refused with every problem', () => {
    const rejection = parseCommand(encodeJson({ type: 'StartUnits', id: '', by: 'me', units: [{ name: 7 }] }));
    assert.ok(isRejection(rejection) && rejection.code === 'invalid-command');
    assert.deepEqual(
      rejection.details.map((detail) => detail.split(':')[0]),
      ['id', 'units.0.name'],
    );
  });
  test('that are anything at all are refused, never thrown at', () => {
    fc.assert(fc.property(garbage, (data) => assert.ok(isRejection(parseCommand(data)))));
  });
});

describe('queries', () => {
  const queries: Query[] = [
    { type: 'ListUnits' },
    { type: 'ListMachines', minSeq: 7 },
    { type: 'GetUnits', units: ['a.service'] },
    { type: 'WaitUnits', units: [], until: 'gone', timeoutMs: 0 },
  ];
  for (const query of queries) {
    test(`are read as they were sent: ${query.type}`, () => assert.deepEqual(parseQuery(encodeJson(query)), query));
  }
  test('that are anything at all are told what is wrong with them', () => {
    fc.assert(fc.property(garbage, (data) => assert.ok('problem' in parseQuery(data))));
  });
});

describe('heartbeats', () => {
  test('are read as they were sent', () => {
    const heartbeat = { session: 's', assignment: 7, digest: 'd' };
    const all = {
      ...{ ...heartbeat, held: ['a.service'], leaving: [], answeredInMs: 300, backWithinMs: 15_000 },
      takesUp: { nodeKey: 'k', bootId: 'b' },
    };
    for (const one of [heartbeat, all]) assert.deepEqual(parseHeartbeat(encodeJson(one)), one);
  });
  test('that are anything at all are none', () => {
    fc.assert(fc.property(garbage, (data) => assert.equal(parseHeartbeat(data), null)));
  });
});
