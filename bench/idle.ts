import { setTimeout as sleep } from 'node:timers/promises';
import { onCluster } from './support/cluster.ts';
import { cpuMs, residentBytes } from './support/processUsage.ts';
import type { Row } from './support/report.ts';

/** What a cluster of 3 nodes with nothing to do costs: CPU of all its processes, and the memory of the largest. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const seconds = quick ? 5 : 30;
  return onCluster({ nodes: 3 }, async ({ cluster }) => {
    const { nodes, schedulers, nats } = cluster.file;
    const nodePids = nodes.flatMap(({ pid }) => pid ?? []);
    const allPids = [...nodePids, ...[...schedulers, ...nats].flatMap((process) => process.pid ?? [])];
    await sleep(2_000);
    const before = await Promise.all(allPids.map(cpuMs));
    await sleep(seconds * 1000);
    const after = await Promise.all(allPids.map(cpuMs));
    const percent = (pids: number) =>
      after.slice(0, pids).reduce((sum, ms, i) => sum + ms - (before[i] ?? 0), 0) / seconds / 10;
    const nodesPercent = percent(nodePids.length);
    const allPercent = percent(allPids.length);
    const megabytes = Math.max(...(await Promise.all(allPids.map(residentBytes)))) / 1e6;
    const own = process.memoryUsage.rss() / 1e6;
    return [
      {
        what: '3 idle nodes',
        flotilla: nodesPercent,
        unit: '% of a core',

        goal: '≤ 2 %',
        met: nodesPercent <= 2,
        baseline: { what: 'with the scheduler and NATS', value: allPercent },
      },
      {
        what: 'largest process',
        flotilla: megabytes,
        unit: 'MB',

        goal: '≤ 100 MB',
        met: megabytes <= 100,
        baseline: { what: 'this benchmark’s own process', value: own },
      },
    ];
  });
}
