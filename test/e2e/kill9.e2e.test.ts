/** Kill -9 of every process of a cluster, one after the other, while commands come in. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { readCommits } from '../support/history.ts';
import { countProcesses } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** Each unit is a process that nothing else on this machine has: its seconds are its name. */
const seconds = (index: number) => String(3_000_000 + process.pid * 1_000 + index);
const unitName = (index: number) => `load-${index}.service`;

test('kill -9 of NATS, of each scheduler and of each node loses no acknowledged command and no unit', async (t) => {
  const cluster = await startTestCluster(t, { nodes: 3, schedulers: 2 });
  const load = startLoad(cluster);
  for (const strike of strikes(cluster)) {
    const before = load.acknowledged.length;
    await strike();
    await until('commands go through again', () => load.acknowledged.length > before + 1, 30_000);
  }
  await load.stop();
  assert.ok(load.acknowledged.length > 10);

  const rows = await cluster.unitsUntil(
    'every acknowledged unit runs',
    (all) =>
      load.acknowledged.every((index) => all.some(({ unit, sub }) => unit === unitName(index) && sub === 'running')),
    60_000,
  );
  for (const index of load.acknowledged) {
    const places = rows.filter(({ unit }) => unit === unitName(index));
    assert.equal(places.length, 1, `${unitName(index)} has one place`);
    await until(
      `${unitName(index)} runs once`,
      async () => (await countProcesses('/bin/sleep', seconds(index))) === 1,
      30_000,
    );
  }
  await everyCommandIsOnTheLog(cluster, load.acknowledged);
  const replay = await cluster.cli('replay');
  assert.equal(replay.code, 0, replay.stdout + replay.stderr);
});

interface Load {
  acknowledged: number[];
  stop(): Promise<void>;
}

/** Starts one unit after the other, each by a command of its own, and keeps what was acknowledged. */
function startLoad({ client }: TestCluster): Load {
  const acknowledged: number[] = [];
  let going = true;
  const work = async () => {
    for (let index = 0; going; index++) {
      const text = `[Service]\nExecStart=/bin/sleep ${seconds(index)}\n`;
      const reply = await client.command({ type: 'StartUnits', units: [{ name: unitName(index), text }] });
      if (reply.ok) acknowledged.push(index);
      else throw new Error(`${reply.message} ${reply.details.join('; ')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const working = work();
  return {
    acknowledged,
    async stop() {
      going = false;
      await working;
    },
  };
}

/** One for each process of the cluster. What `flotilla up` does not start again by itself is started again here. */
function strikes({ cluster, client }: TestCluster): (() => Promise<unknown>)[] {
  const kill = (pid: number | undefined) => {
    assert.ok(pid !== undefined, 'the process runs');
    process.kill(pid, 'SIGKILL');
  };
  const scheduler = (index: number) => async () => kill(cluster.file.schedulers[index]?.pid);
  const node = (number: number) => async () => {
    await cluster.killNode(number);
    await cluster.startNode(number);
    const id = cluster.file.nodes[number - 1]?.id;
    await until(`node ${number} is ready`, async () => {
      const { machines } = (await client.query({ type: 'ListMachines' })).data;
      return machines.find((machine) => machine.id === id)?.state === 'ready';
    });
  };
  const nats = async () => kill(cluster.file.nats[0]?.pid);
  return [scheduler(0), node(1), nats, scheduler(1), node(2), nats, scheduler(0), node(3)];
}

async function everyCommandIsOnTheLog({ client }: TestCluster, acknowledged: number[]): Promise<void> {
  const commits = await readCommits(await client.openLog());
  const launched = commits.flatMap(({ events }) =>
    events.flatMap((event) => (event.type === 'UnitLaunchRequested' ? [event.unit] : [])),
  );
  for (const index of acknowledged) {
    assert.equal(launched.filter((unit) => unit === unitName(index)).length, 1, `${unitName(index)} was launched once`);
  }
}
