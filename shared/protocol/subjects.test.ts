import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { subjectMatches } from '../bus/subjectMatch.ts';
import { decodeToken, encodeToken, parseHeartbeatSubject, streams, subjects } from './subjects.ts';

const hostile = fc.string({ unit: fc.constantFrom(...'.*>% \t\n\0/é€😀a1'), minLength: 1 });
const texts = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1 }),
  hostile,
  fc.constantFrom('polop@redis.service', '%2e', '__proto__'),
);

describe('a token', () => {
  test('is read back as the text that it was made of', () => {
    fc.assert(fc.property(texts, (text) => assert.equal(decodeToken(encodeToken(text)), text)));
  });
  test('has nothing that means something in a subject', () => {
    fc.assert(fc.property(texts, (text) => assert.match(encodeToken(text), /^[^.*>\s\p{Cc}]+$/u)));
  });
  test('is another one for another text', () => {
    fc.assert(
      fc.property(texts, texts, (one, other) => assert.equal(encodeToken(one) === encodeToken(other), one === other)),
    );
  });
  test('leaves ordinary names as they are, and encodes what is special as UTF-8', () => {
    assert.equal(encodeToken('3b1e-machine_7'), '3b1e-machine_7');
    assert.equal(encodeToken('a.b*c>d%e\u2028'), 'a%2eb%2ac%3ed%25e%e2%80%a8');
  });
  test('cannot be made of nothing', () => {
    assert.throws(() => encodeToken(''), RangeError);
  });
  test('that nobody made is none', () => {
    for (const token of ['%', '%zz', '%ff', 'a%e2%28']) assert.equal(decodeToken(token), null);
  });
});

describe('subjects', () => {
  test('of machines are taken apart again', () => {
    fc.assert(
      fc.property(texts, (machine) => {
        assert.equal(parseHeartbeatSubject(subjects.heartbeat(machine)), machine);
      }),
    );
  });
  test('match the patterns that stand for all of them', () => {
    fc.assert(
      fc.property(texts, (machine) => {
        assert.ok(subjects.log.some((pattern) => subjectMatches(pattern, subjects.nodeLog(machine))));
        assert.ok(subjectMatches(subjects.allHeartbeats, subjects.heartbeat(machine)));
        assert.ok(subjectMatches(subjects.allAssignments, subjects.assignment(machine)));
      }),
    );
    assert.ok(subjectMatches(subjects.allFences, subjects.fence('scheduler')));
  });
  test('that are none are told, whatever they look like', () => {
    for (const subject of ['', 'flotilla.hb', 'flotilla.hb.', 'flotilla.hb.a.b', 'flotilla.hb.%zz']) {
      assert.equal(parseHeartbeatSubject(subject), null);
    }
    assert.equal(parseHeartbeatSubject(subjects.nodeLog('m1')), null);
    fc.assert(fc.property(fc.string(), (text) => void parseHeartbeatSubject(`flotilla.hb.${text}`)));
  });
  test('and streams keep their names: old clusters have them', () => {
    assert.deepEqual(
      [
        subjects.nodeLog('m.1'),
        subjects.fence('kv'),
        subjects.leader('scheduler'),
        subjects.journal('m'),
        subjects.assignment('m'),
      ],
      [
        'flotilla.log.node.m%2e1',
        'flotilla.fence.kv',
        'flotilla.leader.scheduler',
        'flotilla.journal.m',
        'flotilla.assign.m',
      ],
    );
    assert.deepEqual(Object.values(streams), [
      'FLOTILLA',
      'FLOTILLA_KV',
      'FLOTILLA_FENCE',
      'FLOTILLA_ASSIGN',
      'flotilla-snapshots',
    ]);
  });
});
