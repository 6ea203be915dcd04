import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRandom } from '../../../test/linearizability/record/random.ts';
import type { Lab } from '../lab.ts';
import { networkFaults } from './network.ts';

test('a network that falls into two halves leaves nobody out, and neither half empty', async () => {
  const hosts = ['n1', 'c1', 'm1'].map((name) => ({ name }));
  const lab = { hosts, nats: [], schedulers: [], machines: [] } as unknown as Lab;
  const halves = networkFaults.find(({ name }) => name.includes('halves'));
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) seen.add((await halves?.aim(lab, createRandom(seed)))?.what ?? 'nothing');
  const all = ['n1 | c1 m1', 'c1 | n1 m1', 'm1 | n1 c1', 'n1 c1 | m1', 'n1 m1 | c1', 'c1 m1 | n1'];
  assert.deepEqual([...seen].sort(), all.sort());
});
