import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Client } from './client.ts';
import { resolveUnits, unitNameOf } from './unitNames.ts';

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
