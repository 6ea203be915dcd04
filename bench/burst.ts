import { spawn } from 'node:child_process';
import { onCluster } from './support/cluster.ts';
import type { Row } from './support/report.ts';
import { timed } from './support/stats.ts';

const text = '[Service]\nExecStart=/bin/sleep 100000\n';

/** 300 process units on 3 machines by one command, until the log says that all are active. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const count = quick ? 60 : 300;
  return onCluster({ nodes: 3 }, async ({ client, units }) => {
    const names = Array.from({ length: count }, (_, index) => `burst-${index}.service`);
    const ms = await timed(async () => {
      const reply = await client.command({ type: 'StartUnits', units: names.map((name) => ({ name, text })) });
      if (!reply.ok) throw new Error(reply.message);
      for (let settled = false; !settled; ) {
        const wait = { type: 'WaitUnits', units: names, until: 'launched', timeoutMs: 5_000 } as const;
        const answer = await client.query(wait, { minSeq: reply.seq });
        settled = answer.data.units.every((unit) => unit.settled);
      }
    });
    const running = (await units()).filter(({ sub }) => sub === 'running').length;
    if (running !== count) throw new Error(`${running} of ${count} units run`);
    const rate = (1000 * count) / ms;
    const value = await spawnRate(count);
    const baseline = { what: 'the same programs spawned by one Node process', value };
    return [
      {
        what: `${count} process units, one command, all active`,
        flotilla: rate,
        unit: 'units/s',
        baseline,

        goal: '≥ 300/s',
        met: rate >= 300,
      },
    ];
  });
}

async function spawnRate(count: number): Promise<number> {
  const children: ReturnType<typeof spawn>[] = [];
  const ms = await timed(() =>
    Promise.all(
      Array.from({ length: count }, () => {
        const child = spawn('/bin/sleep', ['100000'], { stdio: 'ignore' });
        children.push(child);
        return new Promise((resolve) => child.once('spawn', resolve));
      }),
    ),
  );
  for (const child of children) child.kill('SIGKILL');
  return (1000 * count) / ms;
}
