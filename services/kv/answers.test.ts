import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { KvResult } from '../../shared/domain/kv.ts';
import { Answers } from './answers.ts';

const put = (revision: number): KvResult[] => [{ ok: true, revision, response: { type: 'Put' } }];

function range(bytes: number): KvResult[] {
  const kv = { key: 'k', value: 'x'.repeat(bytes), createRevision: 2, modRevision: 2, version: 1, lease: '0' };
  return [{ ok: true, revision: 2, response: { type: 'Range', kvs: [kv], count: 1, more: false } }];
}

describe('answers', () => {
  test('are given as they were', () => {
    const answers = new Answers();
    const refused: KvResult[] = [{ ok: false, error: { code: 'no-space' } }];
    const given = { a: put(2), b: refused, c: [...put(3), ...put(4)], d: range(10) };
    for (const [id, answer] of Object.entries(given)) answers.add(id, answer);
    for (const [id, answer] of Object.entries(given)) assert.deepEqual(answers.get(id), answer);
    assert.equal(answers.get('z'), undefined);
  });

  test('go on from their entries as if nothing had happened', () => {
    const one = new Answers();
    for (let index = 0; index < 25_000; index++) one.add(`id-${index}`, index % 3 === 0 ? range(100) : put(index));
    const other = new Answers(one.entries());
    for (const answers of [one, other]) answers.add('last', put(1));
    assert.deepEqual(other.entries(), one.entries());
  });

  test('of the last ten thousand requests are kept', () => {
    const answers = new Answers();
    for (let index = 0; index < 30_000; index++) answers.add(`id-${index}`, put(index));
    assert.equal(answers.entries().length, 10_000);
    assert.equal(answers.get('id-19999'), undefined);
    assert.deepEqual(answers.get('id-20000'), put(20_000));
  });

  test('that are large are not, but it is known that they were given', () => {
    const answers = new Answers();
    answers.add('large', range(100_000));
    assert.equal(answers.get('large'), null);
    for (let index = 0; index < 1_000; index++) answers.add(`id-${index}`, range(60_000));
    assert.ok(answers.entries().length < 300, 'all together take no more than 16 MiB');
  });
});
