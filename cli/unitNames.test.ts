import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from './client.ts';
import { expandBraces, resolveUnits, unitNameOf } from './unitNames.ts';

/** A cluster that knows these units and nothing else. */
function knowing(...names: string[]): Client {
  const units = names.map((unit) => ({ unit }));
  return { query: async () => ({ seq: 1, data: { units } }) } as unknown as Client;
}

test('a path means the unit of its last part', () => {
  assert.equal(unitNameOf('./units/web@1.service'), 'web@1.service');
  assert.equal(unitNameOf('redis'), 'redis.service');
  assert.equal(unitNameOf('backup.timer'), 'backup.timer');
});

test('globs stand for what the cluster knows, everything once, in the order given', async () => {
  const client = knowing('a.service', 'web@1.service', 'web@2.service');
  assert.deepEqual(await resolveUnits(client, ['web@2', 'web@*', 'zzz']), [
    'web@2.service',
    'web@1.service',
    'zzz.service',
  ]);
});

test('a template does not run, so a glob can leave it out', async () => {
  const client = knowing('web@.service', 'web@1.service');
  assert.deepEqual(await resolveUnits(client, ['web@*'], { withTemplates: false }), ['web@1.service']);
  assert.deepEqual(await resolveUnits(client, ['web@*']), ['web@.service', 'web@1.service']);
});

test('a glob that matches nothing is refused, not taken for everything or nothing', async () => {
  await assert.rejects(resolveUnits(knowing('a.service'), ['b*']), /no unit of the cluster matches "b\*"/);
});

test('ranges and lists in braces mean what bash makes of them', () => {
  assert.deepEqual(expandBraces('web@{1..3}.service'), ['web@1.service', 'web@2.service', 'web@3.service']);
  assert.deepEqual(expandBraces('w@{09..11}'), ['w@09', 'w@10', 'w@11']);
  assert.deepEqual(expandBraces('w@{2..1}'), ['w@2', 'w@1']);
  assert.deepEqual(expandBraces('{a,b}@{1..2}'), ['a@1', 'a@2', 'b@1', 'b@2']);
  assert.deepEqual(expandBraces('a{b}c'), ['a{b}c']);
  assert.throws(() => expandBraces('w@{1..99999999}'), /more than 10000 names/);
});
