import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSimulatedClock } from '../../shared/clock/simulatedClock.ts';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import { createMemoryLog } from '../../shared/log/memoryLog.ts';
import { Projection } from '../../shared/log/projection.ts';
import { fold } from '../../test/support/deciderSpec.ts';
import { parsePrometheusText } from '../../test/support/prometheusText.ts';
import { joined, placed, report, submission, submitted } from '../../test/support/samples.ts';
import { ClusterReader } from './clusterReader.ts';
import { metricsType } from './metrics.ts';
import { createServer } from './server.ts';

async function scrape(state: ClusterState) {
  const clock = createSimulatedClock(0);
  const reader = new ClusterReader({ log: createMemoryLog().open(), projection: new Projection(state), clock });
  const send = () => Promise.reject(new Error('nothing is sent'));
  const app = createServer({ reader, send, clock, onError: assert.ifError });
  const { statusCode, headers, body } = await app.inject('/metrics');
  await app.close();
  assert.deepEqual([statusCode, headers['content-type']], [200, metricsType]);
  return parsePrometheusText(body);
}

test('the numbers are those of the cluster, in the exact format', async () => {
  const families = await scrape(
    fold([
      { type: 'LeaderElected', role: 'scheduler', epoch: 7, leader: 'a "b" \\ \n', cluster: 'c1' },
      ...[joined('m1'), joined('m2'), { type: 'MachineLost', machine: 'm2', reason: 'silent' } as const],
      ...[submitted(submission('a.service')), submitted(submission('b.service')), submitted(submission('c.service'))],
      ...[{ type: 'UnitLaunchRequested', unit: 'a.service' } as const, placed('a.service', 'm1')],
      { type: 'UnitStateReported', machine: 'm1', ...report('a.service') },
      { type: 'UnitLaunchRequested', unit: 'b.service' },
    ]),
  );
  const samples = (name: string) => Object.fromEntries(families.get(name)?.samples ?? []);
  assert.deepEqual(samples('flotilla_machines'), { 'state="ready"': 1, 'state="lost"': 1, 'state="left"': 0 });
  const desired = { 'desired="inactive"': 1, 'desired="loaded"': 0, 'desired="launched"': 2 };
  assert.deepEqual(samples('flotilla_units'), desired);
  assert.equal(samples('flotilla_unit_copies')['active="active"'], 1);
  assert.equal(samples('flotilla_unit_copies')['active="failed"'], 0);
  assert.deepEqual(samples('flotilla_units_waiting'), { '': 1 });
  assert.deepEqual(samples('flotilla_leader'), { 'scheduler="a \\"b\\" \\\\ \\n"': 1 });
  assert.deepEqual(samples('flotilla_leader_epoch'), { '': 7 });
});

test('a cluster of which nothing is known yet has all of them, too', async () => {
  const families = await scrape(fold([]));
  assert.deepEqual(families.get('flotilla_leader')?.samples.size, 0);
  assert.equal(families.get('flotilla_log_applied_sequence')?.samples.get(''), 0);
  for (const [name, { help }] of families) assert.ok(help.length > 10, name);
});
