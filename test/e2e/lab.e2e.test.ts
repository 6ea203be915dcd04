/** Two minutes of faults on a cluster of real machines: engines, nodes, NATS servers and schedulers in network namespaces. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { dockerSkip } from '../support/docker.ts';
import { isAlive } from '../support/processes.ts';
import { testSeed } from '../support/seed.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../scripts/lab/main.ts', import.meta.url));
const skip = process.getuid?.() === 0 ? await dockerSkip() : 'a lab needs root';

interface LabProcess {
  pid: number;
  output: string[];
  ended: Promise<number | null>;
}

function startLab(t: TestContext, ...args: string[]): LabProcess {
  const child = spawn(process.execPath, ['--import', 'tsx', program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => output.push(String(chunk)));
  const ended = once(child, 'close').then(([code]) => code);
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return { pid: child.pid ?? 0, output, ended };
}

test('nothing acknowledged is lost, no unit is stopped without cause or runs twice, whatever fails', {
  skip,
}, async (t) => {
  const { output, ended } = startLab(t, '--minutes', '2', '--seed', `${testSeed()}`);
  const code = await ended;
  for (const line of output.join('').split('\n')) t.diagnostic(line);
  assert.equal(code, 0, output.join(''));
});

test('a lab that is interrupted leaves nothing behind', { skip }, async (t) => {
  const { pid, output, ended } = startLab(t, '--minutes', '1');
  await until('it runs', () => output.join('').includes('all machines are ready'), 120_000).catch((cause) => {
    throw new Error(`the lab does not come up: ${output.join('')}`, { cause });
  });
  const [, id = ''] = /lab ([0-9a-f]{8})/.exec(output.join('')) ?? [];
  process.kill(pid, 'SIGINT');
  await ended;
  assert.ok(!isAlive(pid));
  const left = [...(await readdir('/var/run/netns')), ...(await readdir(tmpdir()))].filter((name) => name.includes(id));
  assert.deepEqual(left, []);
});
