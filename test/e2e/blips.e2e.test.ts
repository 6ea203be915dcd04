import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { startTestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const sleeper = '[Service]\nExecStart=/bin/sleep 100000\n';

test('NATS and all schedulers going away stop no unit, and commands go on when they are back', async (t) => {
  const { client, cluster, unitsUntil, units } = await startTestCluster(t, { nodes: 2 });
  const names = ['a.service', 'b.service', 'c.service'];
  await client.command({ type: 'StartUnits', units: names.map((name) => ({ name, text: sleeper })) });
  const before = await unitsUntil('all run', (rows) => rows.length === 3 && rows.every(({ sub }) => sub === 'running'));

  const nats = cluster.file.nats[0]?.pid;
  for (const pid of [nats, cluster.file.schedulers[0]?.pid]) process.kill(pid ?? 0, 'SIGKILL');
  await until(
    'NATS is another process',
    () => cluster.file.nats[0]?.pid !== undefined && cluster.file.nats[0].pid !== nats,
  );
  const reply = await client.command({ type: 'StartUnits', units: [{ name: 'd.service', text: sleeper }] });
  assert.ok(reply.ok);
  await unitsUntil('the new one runs', (rows) => rows.filter(({ sub }) => sub === 'running').length === 4);
  const after = await units();
  for (const { unit, machine, pid } of before) {
    const now = after.find((row) => row.unit === unit);
    assert.deepEqual([now?.machine, now?.pid], [machine, pid], `${unit} was not touched`);
  }
});

test('a node that is killed leaves its units running, and its next start adopts them', async (t) => {
  const { client, cluster, unitsUntil, units } = await startTestCluster(t, { nodes: 1 });
  const text = '[Service]\nExecStart=/bin/sh -c \'trap "exit 7" USR1; while :; do sleep 0.1; done\'\n';
  await client.command({
    type: 'StartUnits',
    units: [
      { name: 'a.service', text: sleeper },
      { name: 'b.service', text },
    ],
  });
  const before = await unitsUntil(
    'both run',
    (rows) => rows.length === 2 && rows.every(({ sub }) => sub === 'running'),
  );
  await cluster.killNode(1);
  process.kill(before[1]?.pid ?? 0, 'SIGUSR1');
  await cluster.startNode(1);
  const [, b] = await unitsUntil('the end of b is known', ([, row]) => row?.active === 'failed');
  assert.deepEqual([b?.result, b?.exit], ['exit-code', { code: 7 }]);
  assert.equal((await units())[0]?.pid, before[0]?.pid);
});

test('a node that gets SIGHUP ends and leaves its units to its next start', async (t) => {
  const { client, cluster, unitsUntil } = await startTestCluster(t, { nodes: 1 });
  await client.command({ type: 'StartUnits', units: [{ name: 'a.service', text: sleeper }] });
  const [before] = await unitsUntil('it runs', ([row]) => row?.sub === 'running');
  process.kill(cluster.file.nodes[0]?.pid ?? 0, 'SIGHUP');
  await until('it has ended', () => cluster.file.nodes[0]?.pid === undefined, 30_000);
  process.kill(before?.pid ?? 0, 0);
  await cluster.startNode(1);
  const [after] = await unitsUntil('it is known to run', ([row]) => row?.sub === 'running');
  assert.equal(after?.pid, before?.pid);
});

test('when the leading scheduler is killed another one leads, and an answered command stays answered', async (t) => {
  const { client, cluster } = await startTestCluster(t, { nodes: 1, schedulers: 3 });
  const before = await client.query({ type: 'GetStatus' }, { leader: true });
  const first = await client.command({ type: 'SubmitUnits', units: [{ name: 'a.service', text: sleeper }] });
  assert.ok(first.ok);
  // Whichever of them leads: none that runs now will be left.
  const pids = cluster.file.schedulers.map(({ pid }) => pid ?? 0);
  for (const pid of pids) {
    process.kill(pid, 'SIGKILL');
    const reply = await client.command({ type: 'SubmitUnits', units: [{ name: `b-${pid}.service`, text: sleeper }] });
    assert.ok(reply.ok);
  }
  const after = await client.query({ type: 'GetStatus' }, { leader: true });
  assert.notEqual(after.data.leader, before.data.leader);
  assert.ok(after.data.epoch > before.data.epoch);
  const { units } = (await client.query({ type: 'ListUnitFiles' }, { leader: true })).data;
  assert.deepEqual(
    units.map(({ unit }) => unit).sort(),
    ['a.service', ...pids.map((pid) => `b-${pid}.service`)].sort(),
  );
});

test('a second node with the machine id of a living one is refused', async (t) => {
  const { cluster, dir, client } = await startTestCluster(t, { nodes: 1 });
  const { server, user, password, nodes } = cluster.file;
  const env = { ...process.env, FLOTILLA_USER: user, FLOTILLA_PASSWORD: password };
  const id = nodes[0]?.id ?? '';
  const args = ['dist/flotilla.js', 'node', '--server', server, '--dir', join(dir, 'twin'), '--machine-id', id];
  const twin = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [twin.stdout, twin.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(twin, 'close');
  assert.equal(code, 1);
  assert.match(output, new RegExp(`machine id ${id} is in use by`));
  const { machines } = (await client.query({ type: 'ListMachines' })).data;
  assert.deepEqual(
    machines.map(({ state }) => state),
    ['ready'],
  );
});
