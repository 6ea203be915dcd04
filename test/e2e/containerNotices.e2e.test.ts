/** sd_notify(3) from containers, through the agent: readiness, watchdog, and an agent that is killed. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestCluster } from '../support/cluster.ts';
import { dockerSkip, ensureImage } from '../support/docker.ts';

const skip = await dockerSkip();

/** Is ready when it is told to, then says that it lives; reloads as long as it is told to, and hangs when it is. */
const script = `
until [ -e /told/ready ]; do sleep 0.1; done
systemd-notify --ready
while [ ! -e /told/hang ]; do
  if [ -e /told/reload ]; then
    systemd-notify RELOADING=1
    while [ -e /told/reload ]; do systemd-notify WATCHDOG=1; sleep 0.2; done
    systemd-notify --ready
  fi
  systemd-notify WATCHDOG=1
  sleep 0.2
done
rm /told/hang
sleep 1000
`;

const service = `
WatchdogSec=3
TimeoutAbortSec=1
TimeoutStopSec=1
Restart=on-watchdog
[X-Flotilla]
`;

/** The three ways in which a unit runs a container; each finds the directory at /told. */
const units: Record<string, (dir: string) => string> = {
  'line.service': (dir) => `[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/bin/docker run --rm --volume ${dir}:/told flotilla/notify sh /told/script
${service}`,
  'image.service': (dir) => `[Service]
Type=notify
NotifyAccess=all
ExecStart=/bin/sh /told/script
BindPaths=${dir}:/told
${service}Image=flotilla/notify
`,
  'section.service': (dir) => `[Container]
Image=flotilla/notify
Exec=sh /told/script
Volume=${dir}:/told
Notify=yes
[Service]
${service}`,
};
const checked = (dir: string) => `[Container]
Image=flotilla/notify
Exec=sleep 1000
Volume=${dir}:/told
Notify=healthy
HealthCmd=test -e /told/ready
HealthInterval=1s
[Service]
TimeoutStopSec=1
`;

test('containers say when they are ready, are heard by the next agent, and are restarted when they hang', {
  skip,
}, async (t) => {
  await ensureImage('notify');
  const cluster = await startTestCluster(t, { nodes: 1, runtime: 'auto' });
  const told = join(cluster.dir, 'told');
  const tell = (unit: string, what: string) => writeFile(join(told, unit, what), '');
  const allAre = (what: string, sub: string, but: readonly string[] = []) =>
    cluster.unitsUntil(what, (rows) => rows.every((row) => but.includes(row.unit) || row.sub === sub), 30_000);
  const texts = { ...units, 'checked.service': checked };
  const names = Object.keys(texts);
  for (const name of names) {
    await mkdir(join(told, name), { recursive: true });
    await writeFile(join(told, name, 'script'), script);
  }
  const submitted = Object.entries(texts).map(([name, text]) => ({ name, text: text(join(told, name)) }));
  const started = await cluster.client.command({ type: 'StartUnits', units: submitted });
  assert.ok(started.ok, JSON.stringify(started));

  await cluster.unitsUntil(
    'their containers run',
    (rows) => rows.every(({ container }) => container !== undefined),
    30_000,
  );
  await allAre('they are waited for', 'start');
  for (const name of names) await tell(name, 'ready');
  const before = await allAre('they are up', 'running');

  await cluster.cluster.killNode(1);
  await cluster.cluster.startNode(1);
  for (const name of Object.keys(units)) await tell(name, 'reload');
  await allAre('the next agent hears that they reload', 'reload', ['checked.service']);
  for (const name of Object.keys(units)) await rm(join(told, name, 'reload'));
  const after = await allAre('they have reloaded', 'running');
  const containers = (rows: typeof before) => rows.map(({ unit, container }) => `${unit} ${container}`).sort();
  assert.deepEqual(containers(after), containers(before), 'they were taken up');

  for (const name of Object.keys(units)) await tell(name, 'hang');
  await cluster.unitsUntil(
    'they are started again',
    (rows) => rows.every(({ unit, sub, restarts }) => !(unit in units) || (sub === 'running' && restarts === 1)),
    40_000,
  );
  const events = (await cluster.cli('events')).stdout;
  for (const name of Object.keys(units)) assert.match(events, new RegExp(`${name}.*watchdog`), events);
});
