import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { causeOf } from '../../shared/protocol/commit.ts';
import { startTestCluster } from '../support/cluster.ts';
import { readCommits } from '../support/history.ts';
import { isAlive } from '../support/processes.ts';

const sleeper = '[Service]\nExecStart=/bin/sleep 100000\n';

test('a dead machine’s units come back elsewhere, only those, and one commit says why', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 3 });
  const names = ['a', 'b', 'c', 'd', 'e', 'f'].map((letter) => `${letter}.service`);
  const started = await cluster.client.command({
    type: 'StartUnits',
    units: names.map((name) => ({ name, text: sleeper })),
  });
  assert.ok(started.ok);
  const before = await cluster.unitsUntil('all run', (rows) => rows.every(({ sub }) => sub === 'running'));
  assert.deepEqual(countByMachine(before), [2, 2, 2]);

  const dead = before[0]?.machine ?? '';
  await cluster.killMachine(cluster.numberOf(dead));
  const after = await cluster.unitsUntil('all run elsewhere', (rows) =>
    rows.every(({ sub, machine }) => sub === 'running' && machine !== dead),
  );
  for (const row of before) {
    const now = after.find(({ unit }) => unit === row.unit);
    if (row.machine === dead) assert.notEqual(now?.pid, row.pid);
    else assert.deepEqual([now?.machine, now?.pid], [row.machine, row.pid]);
  }

  const commits = await readCommits(await cluster.client.openLog());
  const loss = commits.find(({ events }) => events.some(({ type }) => type === 'MachineLost'));
  assert.deepEqual(
    loss?.events.map(({ type }) => type),
    ['MachineLost', 'UnitPlaced', 'UnitPlaced'],
  );
  for (const event of loss?.events ?? []) {
    assert.equal(loss && causeOf(loss, event), `heartbeat-lost ${dead}`);
    assert.match('reason' in event ? event.reason : '', /no heartbeat for 2\.\d s/);
  }
  const replay = await cluster.cli('replay');
  assert.equal(replay.code, 0, replay.stderr);
});

test('a machine that will not come back is forgotten, and not before it is lost', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 2 });
  await cluster.client.command({ type: 'StartUnits', units: [{ name: 'a.service', text: sleeper }] });
  const [first] = await cluster.unitsUntil('it runs', ([row]) => row?.sub === 'running');
  const dead = first?.machine ?? '';
  const alive = await cluster.cli('forget', dead);
  assert.notEqual(alive.code, 0);
  assert.match(alive.stderr, /machines that are alive cannot be forgotten/);
  await cluster.killMachine(cluster.numberOf(dead));
  await cluster.unitsUntil('it runs elsewhere', ([row]) => row?.sub === 'running' && row.machine !== dead);
  assert.match((await cluster.cli('list-machines', '--full')).stdout, new RegExp(dead));

  const forget = await cluster.cli('forget', dead, '--reason', 'its disk is gone');
  assert.equal(forget.code, 0, forget.stderr);
  assert.doesNotMatch((await cluster.cli('list-machines', '--full')).stdout, new RegExp(dead));
  assert.match((await cluster.cli('events')).stdout, /machine [0-9a-f]{8}… is forgotten: its disk is gone/);
  assert.doesNotMatch((await cluster.cli('doctor')).stdout, new RegExp(dead.slice(0, 8)));
  const [still] = await cluster.units();
  assert.deepEqual([still?.sub, still?.machine !== dead], ['running', true]);
});

test('a unit that keeps failing on a machine that is alive runs on another one, and says why', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 2 });
  const broken = join(cluster.dir, 'broken');
  await writeFile(broken, '');
  const text =
    `[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\nRestartSec=200ms\n` +
    `ExecStart=/bin/sh -c 'test %m != "$(cat ${broken})" && exec sleep 100000'\n[X-Flotilla]\nRescheduleAfter=1s\n`;
  await cluster.client.command({ type: 'StartUnits', units: [{ name: 'a.service', text }] });
  const [first] = await cluster.unitsUntil('it runs', ([row]) => row?.sub === 'running');
  const machine = first?.machine ?? '';
  await writeFile(broken, machine);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  await cluster.unitsUntil('it runs elsewhere', ([row]) => row?.sub === 'running' && row.machine !== machine);
  const { stdout } = await cluster.cli('events', '--unit', 'a.service');
  assert.match(stdout, /moved away from [0-9a-f]{8}…: it has kept failing for \d+ s on [0-9a-f]{32} \(/);
  assert.match((await cluster.cli('explain', 'a')).stdout, /failed: it kept failing there/);
});

test('a machine that comes back gets nothing back, and stops what now runs elsewhere', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 2 });
  await cluster.client.command({ type: 'StartUnits', units: [{ name: 'a.service', text: sleeper }] });
  const [first] = await cluster.unitsUntil('it runs', ([row]) => row?.sub === 'running');
  const number = cluster.numberOf(first?.machine ?? '');

  // Only the agent: to the cluster it is a machine that is cut off, whose unit goes on.
  await cluster.cluster.killNode(number);
  const [second] = await cluster.unitsUntil(
    'it runs elsewhere',
    ([row]) => row?.sub === 'running' && row.machine !== first?.machine,
  );
  assert.ok(isAlive(first?.pid));
  await cluster.cluster.startNode(number);
  await cluster.unitsUntil('the old copy has stopped', () => !isAlive(first?.pid));
  const [still] = await cluster.unitsUntil('only one is left', (rows) => rows.length === 1);
  assert.deepEqual([still?.machine, still?.pid], [second?.machine, second?.pid]);
  assert.ok(isAlive(second?.pid));
});

function countByMachine(rows: { machine: string | null }[]): number[] {
  const counts = new Map<string | null, number>();
  for (const { machine } of rows) counts.set(machine, (counts.get(machine) ?? 0) + 1);
  return [...counts.values()];
}
