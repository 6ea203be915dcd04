import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { dockerSkip, ensureImage } from '../test/support/docker.ts';
import { onCluster } from './support/cluster.ts';
import type { Row } from './support/report.ts';
import { median, percentile, timed } from './support/stats.ts';

const execute = promisify(execFile);
const unitsPerMachine = 4;

/** From killing a machine, agent and units, until the log says that all of its units are active elsewhere. */
export async function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const reason = await dockerSkip();
  if (reason) console.error(`${reason}: measured with processes instead of containers`);
  const docker = reason === false;
  if (docker) await ensureImage('busybox');
  const exec = docker ? '/usr/bin/docker run --name %p flotilla/busybox sleep 100000' : '/bin/sleep 100000';
  const text = `[Service]\nExecStart=${exec}\n`;
  const trials = quick ? 2 : 10;
  return onCluster({ nodes: 3, runtime: docker ? 'auto' : 'process' }, async (test) => {
    const names = Array.from({ length: 3 * unitsPerMachine }, (_, index) => `failover-${index}.service`);
    await test.client.command({ type: 'StartUnits', units: names.map((name) => ({ name, text })) });
    const times: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const rows = await test.unitsUntil('all run', (all) => all.every(({ sub }) => sub === 'running'), 60_000);
      const dead = rows[0]?.machine ?? '';
      const number = test.numberOf(dead);
      await test.killMachine(number);
      const ms = await timed(() =>
        test.unitsUntil(
          'all run elsewhere',
          (all) => all.every(({ sub, machine }) => sub === 'running' && machine !== dead),
          60_000,
        ),
      );
      times.push(ms / 1000);
      console.error(`  trial ${trial + 1}: ${(ms / 1000).toFixed(2)} s`);
      await test.cluster.startNode(number);
      await machinesReady(test);
    }
    await test.client.command({ type: 'DestroyUnits', units: names.map((name) => ({ name })) });
    const beside = docker ? (await containerStart()) / 1000 : 0.01;
    const p50 = median(times);
    const baseline = {
      what: docker ? 'docker run of one such container, without a cluster' : 'one process',
      value: beside,
    };
    return [
      {
        what: `failover, ${trials} trials, p50`,
        flotilla: p50,
        unit: 's',
        baseline,

        goal: '≤ 3 s',
        met: p50 <= 3,
      },
      {
        what: `failover, ${trials} trials, p90`,
        flotilla: percentile(times, 0.9),
        unit: 's',
        baseline,

        goal: '',
        met: true,
      },
    ];
  });
}

async function machinesReady({ client }: Parameters<Parameters<typeof onCluster>[1]>[0]): Promise<void> {
  for (;;) {
    const { machines } = (await client.query({ type: 'ListMachines' })).data;
    if (machines.every(({ state }) => state === 'ready')) return;
  }
}

async function containerStart(): Promise<number> {
  const name = `flotilla-bench-${process.pid}`;
  const ms = await timed(() => execute('docker', ['run', '-d', '--name', name, 'flotilla/busybox', 'sleep', '100']));
  await execute('docker', ['rm', '-f', name]);
  return ms;
}
