import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

/** Says that it is ready, reloads on SIGHUP, and hangs on SIGUSR1: from then on it says nothing any more. */
const talker = (path: string) => `[Unit]
OnFailure=alarm@%n.service
[Service]
Type=notify
NotifyAccess=all
WatchdogSec=1
ExecStart=/bin/sh -c ' \\
  systemd-notify --ready --status="all fine" ; \\
  trap "echo reloaded >>${path}" HUP ; \\
  trap "while :; do sleep 1; done" USR1 ; \\
  while :; do systemd-notify WATCHDOG=1; sleep 0.2; done'
ExecReload=/bin/kill -HUP $MAINPID
`;
const alarm = (path: string) => `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo alarm for %i >>${path}'\n`;

test('a service says that it is ready, reloads, hangs, is aborted by its watchdog, and another unit is told', async (t) => {
  const { dir, cli, client, unitsUntil } = await startTestCluster(t, { nodes: 1 });
  const path = join(dir, 'said');
  const said = async () => (await readFile(path, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean);
  const units = [
    { name: 'talker.service', text: talker(path) },
    { name: 'alarm@.service', text: alarm(path) },
  ];
  assert.ok((await client.command({ type: 'SubmitUnits', units })).ok);

  const started = await cli('start', 'talker.service');
  assert.equal(started.code, 0, started.stderr);
  await unitsUntil('its status is told', ([row]) => row?.status === 'all fine');
  assert.match((await cli('status', 'talker.service')).stdout, /Status: "all fine"/);

  const reloaded = await cli('reload', 'talker.service');
  assert.deepEqual([reloaded.code, reloaded.stdout.split(' on ')[0]], [0, 'Unit talker.service reloaded']);
  await until('it has reloaded', async () => (await said()).includes('reloaded'));

  const [row] = await unitsUntil('it runs', ([first]) => first?.sub === 'running');
  process.kill(row?.pid ?? assert.fail('it has no pid'), 'SIGUSR1');
  await until('the other unit has run', async () => (await said()).includes('alarm for talker.service'));
  assert.match((await cli('events')).stdout, /talker\.service has failed \(watchdog\): OnFailure= starts alarm@talker/);
  const refused = await cli('reload', 'talker.service');
  assert.match(refused.stderr, /talker\.service is not active: only what runs can be reloaded/);
});
