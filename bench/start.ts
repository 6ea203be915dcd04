import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../test/support/until.ts';
import { onCluster } from './support/cluster.ts';
import type { Row } from './support/report.ts';
import { median, timed } from './support/stats.ts';

const execute = promisify(execFile);

/** `flotilla start` of one process unit, from typing it: until the process is alive, and until the command returns. */
export function run({ quick }: { quick: boolean }): Promise<Row[]> {
  const trials = quick ? 3 : 15;
  return onCluster({ nodes: 3 }, async ({ cli }) => {
    const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
    const alive: number[] = [];
    const returned: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const file = join(dir, `bench-${trial}.service`);
      const stamp = join(dir, `alive-${trial}`);
      await writeFile(file, `[Service]\nExecStart=/bin/sh -c 'date +%%s%%N > ${stamp}; exec sleep 100000'\n`);
      const typedAt = Date.now();
      const { code, stderr } = await cli('start', file);
      returned.push(Date.now() - typedAt);
      if (code !== 0) throw new Error(stderr);
      const nanoseconds = await until('the process has said when', async () => (await readFile(stamp, 'utf8')).trim());
      alive.push(Number(nanoseconds.slice(0, -6)) - typedAt);
    }
    await rm(dir, { recursive: true });
    const value = await nodeStart(trials);
    const baseline = { what: 'node itself, doing nothing', value };
    const row = (what: string, ms: number, goalMs: number): Row => ({
      what,
      flotilla: ms,
      unit: 'ms',
      baseline,

      goal: `≤ ${goalMs} ms`,
      met: ms <= goalMs,
    });
    return [
      row('start, typed → process alive (median)', median(alive), 200),
      row('start, typed → command returned (median)', median(returned), 500),
    ];
  });
}

/** How long the JavaScript engine alone takes to start and end, ms (median). */
export async function nodeStart(trials: number): Promise<number> {
  const times: number[] = [];
  for (let trial = 0; trial < trials; trial++) times.push(await timed(() => execute(process.execPath, ['-e', '0'])));
  return median(times);
}
