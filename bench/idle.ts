import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../shared/embedded/childProcess.ts';
import type { TestCluster } from '../test/support/cluster.ts';
import { onCluster } from './support/cluster.ts';
import { cpuMs, residentBytes } from './support/processUsage.ts';
import type { Row } from './support/report.ts';

const count = 3;
/** A process is idle when it has collected the garbage of its start. */
const settlingSeconds = 30;

/**
 * What a cluster of 3 nodes with nothing to do costs: CPU of its processes, and the memory of the largest. Waking up is
 * nearly all of it, and what that costs differs by a factor of five from hour to hour on one virtual machine: hence the bare
 * processes beside it, which wake up as often.
 */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  return onCluster({ nodes: count }, async (cluster) => {
    const bare = await startBareClients(cluster, count);
    try {
      return await measure(
        cluster,
        bare,
        quick ? { settling: 2, seconds: 5 } : { settling: settlingSeconds, seconds: 30 },
      );
    } finally {
      await Promise.all(bare.map((client) => client.kill()));
    }
  });
}

async function measure(
  { cluster }: TestCluster,
  bare: readonly Child[],
  { settling, seconds }: { settling: number; seconds: number },
): Promise<Row[]> {
  const { nodes, schedulers, nats } = cluster.file;
  const pidsOf = (processes: readonly { pid?: number | undefined }[]) => processes.flatMap(({ pid }) => pid ?? []);
  const groups = { nodes: pidsOf(nodes), leading: pidsOf([...schedulers, ...nats]), bare: pidsOf(bare) };
  await sleep(settling * 1000);
  const percents = await percentsOf(groups, seconds);
  const megabytes = Math.max(...(await Promise.all([...groups.nodes, ...groups.leading].map(residentBytes)))) / 1e6;
  const bareMegabytes = Math.max(...(await Promise.all(groups.bare.map(residentBytes)))) / 1e6;
  return [
    {
      what: `${count} idle nodes`,
      flotilla: percents.nodes,
      unit: '% of a core',
      goal: '≤ 2 %',
      met: percents.nodes <= 2,
      baseline: {
        what: `${count} bare clients that ask NATS twice a second whether it is there`,
        value: percents.bare,
      },
    },
    {
      what: 'their scheduler and NATS',
      flotilla: percents.leading,
      unit: '% of a core',
      goal: '',
      met: true,
      baseline: { what: `the ${count} bare clients`, value: percents.bare },
    },
    {
      what: 'largest process',
      flotilla: megabytes,
      unit: 'MB',
      goal: '≤ 100 MB',
      met: megabytes <= 100,
      baseline: { what: 'a bare client', value: bareMegabytes },
    },
  ];
}

/** Of a core, that each group of processes takes in that time. */
async function percentsOf<G extends string>(groups: Record<G, number[]>, seconds: number): Promise<Record<G, number>> {
  const names = Object.keys(groups) as G[];
  const used = () => Promise.all(names.map(async (name) => sum(await Promise.all(groups[name].map(cpuMs)))));
  const before = await used();
  await sleep(seconds * 1000);
  const after = await used();
  const percents = names.map((name, i) => [name, ((after[i] ?? 0) - (before[i] ?? 0)) / seconds / 10]);
  return Object.fromEntries(percents) as Record<G, number>;
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);

function startBareClients({ cluster, dir }: TestCluster, howMany: number): Promise<Child[]> {
  const { server, user = '', password = '' } = cluster.file;
  const program = fileURLToPath(new URL('support/bareClient.ts', import.meta.url));
  const env = { ...process.env, FLOTILLA_SERVER: server, FLOTILLA_USER: user, FLOTILLA_PASSWORD: password };
  const start = () =>
    startChild([process.execPath, '--import', 'tsx', program], { logFile: join(dir, 'bare.log'), env });
  return Promise.all(Array.from({ length: howMany }, start));
}
