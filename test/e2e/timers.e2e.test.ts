import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

interface Row {
  unit: string;
  activates: string;
  machine: string | null;
  sub: string;
  last: number | null;
  next: number | null;
}

test('a timer brings its service along, starts it time after time, and goes on where another machine takes it over', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-timers-'));
  t.after(() => rm(directory, { recursive: true }));
  const out = join(directory, 'out');
  const job = `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo %m $(date +%%s) >> ${out}'\n`;
  await writeFile(join(directory, 'backup.service'), job);
  await writeFile(join(directory, 'backup.timer'), '[Timer]\nOnCalendar=*:*:0/2\nPersistent=yes\n');
  const cluster = await startTestCluster(t, { nodes: 2 });
  const started = await cluster.cli('start', join(directory, 'backup.timer'));
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stdout, /^backup\.service: submitted along\n.*backup\.timer/);

  const runs = async () => (await readFile(out, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  const timer = async (): Promise<Row> => JSON.parse((await cluster.cli('list-timers', '--json')).stdout)[0];
  await until('it has run twice', async () => (await runs()).length >= 2);
  // While its service runs it does not know when it will be next.
  const { activates, machine, last } = await until('it says when it ran and when it will again', async () => {
    const { machine, last, next, ...rest } = await timer();
    return machine !== null && last !== null && next !== null && next > last ? { ...rest, machine, last } : null;
  });
  assert.equal(activates, 'backup.service');
  const service = (await cluster.units()).find(({ unit }) => unit === 'backup.service');
  assert.equal(service?.machine, machine);

  await cluster.killMachine(cluster.numberOf(machine));
  const moved = await until('another machine has it', async () => {
    const row = await timer();
    return row.machine !== null && row.machine !== machine && row.last !== null && row.last > last ? row : null;
  });
  const before = (await runs()).length;
  await until(
    'it runs there',
    async () => (await runs()).length > before && (await runs()).at(-1)?.startsWith(moved.machine ?? ''),
  );

  const stopped = await cluster.cli('stop', 'backup.timer');
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.equal((await timer()).next, null);
});

test('a timer starts a target again and again, and what that wants on whichever machine', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-timers-'));
  t.after(() => rm(directory, { recursive: true }));
  const out = join(directory, 'out');
  const { cli, client } = await startTestCluster(t, { nodes: 2 });
  const machines = (await client.query({ type: 'ListMachines' })).data.machines.map(({ id }) => id);
  const job = (machine: string) =>
    `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo %m >> ${out}'\n[X-Fleet]\nMachineID=${machine}\n`;
  const jobs = machines.map((machine, index) => ({ name: `job${index}.service`, text: job(machine) }));
  assert.ok((await client.command({ type: 'SubmitUnits', units: jobs })).ok);
  const wants = jobs.map(({ name }) => name).join(' ');
  await writeFile(join(directory, 'all.target'), `[Unit]\nStopWhenUnneeded=yes\nWants=${wants}\n`);
  await writeFile(join(directory, 'all.timer'), '[Timer]\nOnCalendar=*:*:0/2\nUnit=all.target\n');
  const started = await cli('start', join(directory, 'all.timer'));
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stdout, /^all\.target: submitted along\n/);
  const runs = async () => (await readFile(out, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
  await until('each machine has run its job twice', async () => {
    const ran = await runs();
    return machines.every((machine) => ran.filter((line) => line === machine).length >= 2);
  });
});
