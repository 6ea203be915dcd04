/** Every process of a cluster is restarted, one after the other, first in order and then by force, while it is used. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { UnitStateView } from '../../shared/domain/views.ts';
import { startTestCluster, type TestCluster } from '../support/cluster.ts';
import { readCommits } from '../support/history.ts';
import { until } from '../support/until.ts';

const sleeper = '[Service]\nExecStart=/bin/sleep 100000\n';
const steady = ['steady-1.service', 'steady-2.service', 'steady-3.service'];

test('no restart of any process fails a command, loses one, or does one twice; units stay as they are', async (t) => {
  const cluster = await startTestCluster(t, { nats: 3, nodes: 2, schedulers: 3, stores: 3 });
  await cluster.client.command({ type: 'StartUnits', units: steady.map((name) => ({ name, text: sleeper })) });
  const before = await cluster.unitsUntil(
    'they run',
    (rows) => rows.filter(({ sub }) => sub === 'running').length === 3,
  );
  const load = startLoad(cluster);
  const machinesLost = async () =>
    (await eventsOf(cluster)).flatMap((event) => (event.type === 'MachineLost' ? [event.machine] : []));
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const { name, restart } of processes(cluster, signal)) {
      const [commands, puts] = [load.commands.length, load.puts];
      const begunAt = Date.now();
      await restart();
      const goesOn = () => load.commands.length > commands + 1 && load.puts > puts + 1;
      await until(`commands and keys go on after ${signal} to ${name}`, () => load.failed || goesOn(), 30_000);
      if (load.failed) break;
      t.diagnostic(`${signal} to ${name}: commands and keys had gone on after ${(Date.now() - begunAt) / 1000} s`);
    }
    if (signal === 'SIGTERM') assert.deepEqual(await machinesLost(), [], 'who makes room in order is waited for');
  }
  await load.stop();
  t.diagnostic(`${load.commands.length} commands, the slowest took ${load.slowestMs} ms`);

  // An agent that was killed may be back, on a busy computer, only after its machine was declared lost: then, and only
  // then, its units move.
  const lost = await machinesLost();
  t.diagnostic(`${lost.length} machines were declared lost meanwhile`);
  const after = await cluster.units();
  for (const row of before.filter(({ machine }) => machine !== null && !lost.includes(machine))) {
    const now = after.find(({ unit }) => unit === row.unit);
    assert.deepEqual(placeOf(now), placeOf(row), `${row.unit} was not touched`);
  }
  await eachIsThereOnce(cluster, load.commands);
  assert.equal((await cluster.cli('replay')).code, 0);
});

function placeOf(row: UnitStateView | undefined): unknown {
  return row && [row.machine, row.pid, row.sub];
}

interface Load {
  /** Names of the units that were started, and stopped again, by commands of their own; all were acknowledged. */
  readonly commands: string[];
  readonly puts: number;
  readonly slowestMs: number;
  readonly failed: boolean;
  /** @throws what a command or a request came to, if one failed. */
  stop(): Promise<void>;
}

function startLoad(cluster: TestCluster): Load {
  const commands: string[] = [];
  let [going, failed, puts, slowestMs] = [true, false, 0, 0];
  const repeat = async (step: (index: number) => Promise<void>) => {
    try {
      for (let index = 0; going; index++) await timed(() => step(index));
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  const timed = async (step: () => Promise<void>) => {
    const startedAt = Date.now();
    await step();
    slowestMs = Math.max(slowestMs, Date.now() - startedAt);
  };
  const { client } = cluster;
  const startAndStop = async (index: number) => {
    const name = `load-${index}.service`;
    const started = await client.command({ type: 'StartUnits', units: [{ name, text: sleeper }] });
    assert.ok(started.ok, JSON.stringify(started));
    commands.push(name);
    const stopped = await client.command({ type: 'StopUnits', units: [{ name }] });
    assert.ok(stopped.ok, JSON.stringify(stopped));
  };
  const putAndGet = async (index: number) => {
    const value = String(index);
    const put = await client.kv.put('key', value);
    assert.ok(put.ok, JSON.stringify(put));
    const read = await client.kv.range({ key: 'key' });
    assert.equal(read.ok && read.response.kvs[0]?.value, value);
    puts++;
  };
  const working = Promise.all([repeat(startAndStop), repeat(putAndGet)]);
  working.catch(() => undefined);
  return {
    commands,
    get puts() {
      return puts;
    },
    get slowestMs() {
      return slowestMs;
    },
    get failed() {
      return failed;
    },
    stop: async () => {
      going = false;
      await working;
    },
  };
}

interface Restart {
  name: string;
  restart(): Promise<unknown>;
}

/** All that the cluster consists of; each is waited for until it is another process. */
function processes(test: TestCluster, signal: 'SIGTERM' | 'SIGKILL'): Restart[] {
  const { cluster } = test;
  const restarted = (job: 'nats' | 'schedulers' | 'stores') =>
    cluster.file[job].map((_, index) => ({
      name: `${job} ${index + 1}`,
      restart: async () => {
        const before = await pidOf(() => cluster.file[job][index]?.pid);
        process.kill(before, signal);
        await until(
          'it is another process',
          () => ![before, undefined].includes(cluster.file[job][index]?.pid),
          20_000,
        );
      },
    }));
  const nodes = cluster.file.nodes.map((_, index) => ({
    name: `node ${index + 1}`,
    restart: async () => {
      // SIGTERM would stop its units and leave: that is no restart.
      process.kill(await pidOf(() => cluster.file.nodes[index]?.pid), signal === 'SIGTERM' ? 'SIGHUP' : signal);
      await until('it has ended', () => cluster.file.nodes[index]?.pid === undefined, 30_000);
      await cluster.startNode(index + 1);
    },
  }));
  return [...restarted('nats'), ...restarted('schedulers'), ...restarted('stores'), ...nodes];
}

function pidOf(read: () => number | undefined): Promise<number> {
  return until('it runs', () => read());
}

async function eventsOf({ client }: TestCluster) {
  return (await readCommits(await client.openLog())).flatMap((commit) => commit.events);
}

async function eachIsThereOnce(cluster: TestCluster, names: readonly string[]): Promise<void> {
  const launched = (await eventsOf(cluster)).flatMap((event) =>
    event.type === 'UnitLaunchRequested' ? [event.unit] : [],
  );
  for (const name of names)
    assert.equal(launched.filter((unit) => unit === name).length, 1, `${name} was launched once`);
}
