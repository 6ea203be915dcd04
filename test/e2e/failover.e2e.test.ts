import assert from 'node:assert/strict';
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
