import { nodeStart } from './start.ts';
import { onCluster } from './support/cluster.ts';
import type { Row } from './support/report.ts';
import { median, timed } from './support/stats.ts';

const text = '[Service]\nExecStart=/bin/true\n\n[X-Fleet]\nMachineMetadata=bench=none\n';

/** `flotilla list-units` with 100 units, the whole process. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const trials = quick ? 3 : 20;
  return onCluster({ nodes: 1 }, async ({ client, cli }) => {
    const units = Array.from({ length: 100 }, (_, index) => ({ name: `list-${index}.service`, text }));
    const reply = await client.command({ type: 'StartUnits', units });
    if (!reply.ok) throw new Error(reply.message);
    const times: number[] = [];
    for (let trial = 0; trial < trials; trial++) times.push(await timed(() => cli('list-units')));
    const ms = median(times);
    const baseline = { what: 'node itself, doing nothing', value: await nodeStart(trials) };
    return [
      {
        what: 'list-units, 100 units, whole process (median)',
        flotilla: ms,
        unit: 'ms',
        baseline,

        goal: '≤ 200 ms',
        met: ms <= 200,
      },
    ];
  });
}
