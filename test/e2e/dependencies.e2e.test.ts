import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

/** Says in a file what it does. */
const diary = (path: string, name: string, ...unit: string[]) => `[Unit]
${unit.join('\n')}
[Service]
ExecStartPre=/bin/sh -c 'sleep 0.3; echo ${name} prepares >>${path}'
ExecStart=/bin/sh -c 'echo ${name} runs >>${path}; exec sleep 100000'
ExecStop=/bin/sh -c 'sleep 0.3; echo ${name} stops >>${path}'
`;

test('units that need each other start, stop and restart together and in order, on one machine', async (t) => {
  const { dir, cli, client, unitsUntil } = await startTestCluster(t, { nodes: 2 });
  const path = join(dir, 'diary');
  const lines = async () => (await readFile(path, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const submit = { type: 'SubmitUnits' as const };
  const web = { name: 'web.service', text: diary(path, 'web', 'Requires=db.service', 'After=db.service') };
  const db = { name: 'db.service', text: diary(path, 'db') };
  assert.ok((await client.command({ ...submit, units: [db, web] })).ok);

  const started = await cli('start', 'web.service');
  assert.equal(started.code, 0, started.stderr);
  const up = await unitsUntil('both run', (rows) => rows.filter(({ sub }) => sub === 'running').length === 2);
  assert.equal(new Set(up.map(({ machine }) => machine)).size, 1);
  const starts = ['db prepares', 'db runs', 'web prepares', 'web runs'];
  await until('both have said so', async () => (await lines()).length === starts.length);
  assert.deepEqual(await lines(), starts);
  const { stdout: events } = await cli('events');
  assert.match(events, /db\.service shall be launched: required by web\.service/);
  assert.match(
    events,
    /web\.service activating \(waiting\) .*: waiting for db\.service, which is activating \(start-pre\)/,
  );

  assert.equal((await cli('restart', 'db.service')).code, 0);
  await unitsUntil('both run again', (rows) =>
    rows.every(({ pid, sub }) => sub === 'running' && !up.some((row) => row.pid === pid)),
  );
  const restarts = ['web stops', 'db stops', ...starts];
  await until('both have said so', async () => (await lines()).length === starts.length + restarts.length);
  assert.deepEqual((await lines()).slice(starts.length), restarts);

  assert.equal((await cli('stop', 'db.service')).code, 0);
  const stopped = await unitsUntil('both are stopped', (rows) => rows.every(({ active }) => active === 'inactive'));
  assert.equal(stopped.length, 2);
  assert.deepEqual((await lines()).slice(-2), ['web stops', 'db stops']);

  const circle = { name: 'db.service', text: diary(path, 'db', 'After=web.service') };
  const refused = await client.command({ ...submit, units: [circle], replace: true });
  assert.match(refused.ok ? '' : refused.message, /in a circle: db\.service → web\.service → db\.service/);
});
