import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstream } from '@nats-io/jetstream';
import type { Finding } from '../../cli/doctor/diagnose.ts';
import { connectNats } from '../../shared/bus/natsConnection.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

async function examine({ cli }: TestCluster, ...more: string[]) {
  const { code, stdout, stderr } = await cli('doctor', '-o', 'json', ...more);
  assert.notEqual(stdout, '', stderr);
  const findings: Finding[] = JSON.parse(stdout);
  return { code, findings, bad: findings.filter(({ level }) => level === 'problem') };
}

test('a sound cluster has no problem; what is broken is found one by one, with what to do', async (t) => {
  const running = await startTestCluster(t, { nodes: 2, stores: 1 });
  const { client, cluster, unitsUntil } = running;
  const sound = await examine(running, '--deep');
  assert.deepEqual(sound.bad, []);
  assert.equal(sound.code, 0);

  const units = [
    { name: 'broken.service', text: '[Service]\nExecStart=/bin/false\n' },
    { name: 'picky.service', text: '[Service]\nExecStart=/bin/sleep 1000\n[X-Fleet]\nMachineMetadata=zone=moon\n' },
  ];
  await client.command({ type: 'StartUnits', units });
  await unitsUntil('one failed', (rows) => rows.some(({ active }) => active === 'failed'));
  await running.killMachine(2);
  await until('the machine is lost', async () => {
    const { machines } = (await client.query({ type: 'ListMachines' })).data;
    return machines.some(({ state }) => state === 'lost');
  });
  const ill = await examine(running);
  assert.equal(ill.code, 1);
  for (const expected of [
    /^broken.service: failed/,
    /^picky.service: waits for a machine: .*zone/,
    /^machine .*: lost/,
  ]) {
    assert.ok(
      ill.bad.some(({ check, found, todo }) => expected.test(`${check}: ${found}`) && todo !== ''),
      String(expected),
    );
  }

  const { server, user = '', password = '' } = cluster.file;
  const link = await connectNats({ server, user, password, name: 'a vandal' });
  await jetstream(link.nc).publish(
    subjects.nodeLog('somebody'),
    JSON.stringify({ v: 1, id: 'x', at: 0, by: 'vandal', cause: '', prev: '', events: [] }),
  );
  await jetstream(link.nc).publish(
    subjects.nodeLog('somebody'),
    JSON.stringify({ v: 1, id: 'y', at: 0, by: 'vandal', cause: '', prev: 'made up', events: [] }),
  );
  await link.close();
  const forged = await examine(running);
  assert.ok(forged.bad.some(({ check, found }) => check === 'history FLOTILLA' && /broken at sequence/.test(found)));

  await cluster.stop();
  const gone = await examine(running);
  assert.deepEqual(
    gone.bad.map(({ check }) => check),
    ['NATS'],
  );
});
