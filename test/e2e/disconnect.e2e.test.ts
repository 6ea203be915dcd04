import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { readCommits } from '../support/history.ts';
import { isAlive } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** Says again and again in a file that it runs; it takes no notice of SIGTERM. */
function diary(path: string): string {
  const loop = `trap '' TERM; while :; do read -r up rest </proc/uptime; echo "$up $$" >>${path}; sleep 0.02; done`;
  return [
    ...[
      '[Service]',
      `ExecStart=/bin/sh -c '${loop.replaceAll("'", "'\\''").replaceAll('$', () => '$$')}'`,
      'TimeoutStopSec=1',
    ],
    ...['[X-Flotilla]', 'OnDisconnect=stop', 'DisconnectGraceSec=1', ''],
  ].join('\n');
}

/** The processes that wrote, in the order of their first line. @throws two wrote in turns. */
async function writers(path: string): Promise<string[]> {
  const pids = (await readFile(path, 'utf8')).split('\n').flatMap((line) => line.split(' ')[1] ?? []);
  const runs = pids.filter((pid, index) => pid !== pids[index - 1]);
  assert.equal(new Set(runs).size, runs.length, `two ran at once: ${runs.join(' ')}`);
  return runs;
}

async function start(t: TestContext): Promise<{ cluster: TestCluster; path: string; pid: number; number: number }> {
  const cluster = await startTestCluster(t, { nodes: 2 });
  const path = join(cluster.dir, 'diary');
  const script = { name: 'a.service', text: diary(path) };
  const reply = await cluster.client.command({ type: 'StartUnits', units: [script] });
  assert.ok(reply.ok, JSON.stringify(reply));
  const [row] = await cluster.unitsUntil('it runs', ([first]) => first?.sub === 'running');
  return { cluster, path, pid: row?.pid ?? 0, number: cluster.numberOf(row?.machine ?? '') };
}

function runsElsewhere({ cluster, number }: { cluster: TestCluster; number: number }) {
  const before = cluster.cluster.file.nodes[number - 1]?.id;
  return cluster.unitsUntil('it runs elsewhere', ([row]) => row?.sub === 'running' && row.machine !== before, 60_000);
}

test('a unit that must never run twice is killed where its agent was killed, before it runs elsewhere', async (t) => {
  const world = await start(t);
  await world.cluster.cluster.killNode(world.number);
  await runsElsewhere(world);
  assert.ok(!isAlive(world.pid));
  await until('two have written, one after the other', async () => (await writers(world.path)).length === 2);
  await world.cluster.cluster.startNode(world.number);
  const rows = await world.cluster.unitsUntil('all machines are back', (found) => found.length === 1);
  assert.notEqual(world.cluster.numberOf(rows[0]?.machine ?? ''), world.number);
  await until('two have written, one after the other', async () => (await writers(world.path)).length === 2);
});

test('a unit that must never run twice is killed where its agent hangs, before it runs elsewhere', async (t) => {
  const world = await start(t);
  const agent = world.cluster.cluster.file.nodes[world.number - 1]?.pid ?? 0;
  process.kill(agent, 'SIGSTOP');
  try {
    await runsElsewhere(world);
    assert.ok(!isAlive(world.pid));
  } finally {
    process.kill(agent, 'SIGCONT');
  }
  await world.cluster.unitsUntil('the agent is back', (rows) => rows.length === 1 && rows[0]?.sub === 'running');
  await until('two have written, one after the other', async () => (await writers(world.path)).length === 2);
});

test('a unit that must never run twice goes on when its agent is killed and comes back in time', async (t) => {
  const world = await start(t);
  const replace = await world.cluster.client.command({
    type: 'StartUnits',
    units: [{ name: 'a.service', text: diary(world.path).replace('GraceSec=1', 'GraceSec=30') }],
    replace: true,
  });
  assert.ok(replace.ok);
  const [row] = await world.cluster.unitsUntil('its new version runs', ([found]) => {
    return found?.sub === 'running' && found.pid !== world.pid;
  });
  await world.cluster.cluster.killNode(world.number);
  await world.cluster.cluster.startNode(world.number);
  const log = await world.cluster.client.openLog();
  await until('the new agent has told what it found', async () => {
    const events = (await readCommits(log)).flatMap((commit) => commit.events);
    return events.filter((event) => event.type === 'NodeSynced' && event.machine === row?.machine).length > 1;
  });
  const [after] = await world.cluster.unitsUntil('it is well', ([found]) => found?.sub === 'running');
  assert.deepEqual([after?.pid, after?.machine], [row?.pid, row?.machine]);
  assert.ok(isAlive(row?.pid));
});
