import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startTestCluster } from '../support/cluster.ts';
import { dockerSkip, ensureImage } from '../support/docker.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const skip = await dockerSkip();
const example = (path: string) => fileURLToPath(new URL(`../../examples/${path}`, import.meta.url));

test('the seed’s units run unchanged, answer PING, and move with their data’s name when the machine dies', {
  skip,
}, async (t) => {
  await ensureImage('redis');
  const cluster = await startTestCluster(t, { nodes: 3, runtime: 'auto' });
  for (const file of ['redis/redis.service', 'polop/polop@redis.service']) {
    const { code, stdout, stderr } = await cluster.cli('start', example(file));
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^Unit (polop@)?redis\.service launched on [0-9a-f]{8}/m);
  }
  await answersPing('redis');
  await answersPing('redis-polop');

  const before = await cluster.units();
  const dead = before.find(({ unit }) => unit === 'polop@redis.service')?.machine ?? '';
  await cluster.killMachine(cluster.numberOf(dead));
  const after = await cluster.unitsUntil('both run, and not there', (rows) =>
    rows.every(({ sub, machine }) => sub === 'running' && machine !== dead),
  );
  assert.equal(after.length, 2);
  await answersPing('redis');
  await answersPing('redis-polop');

  const stopped = await cluster.cli('destroy', 'redis.service', 'polop@redis.service');
  assert.equal(stopped.code, 0, stopped.stderr);
  const { stdout } = await run('docker', ['ps', '-aq', '--filter', 'label=flotilla.unit=polop@redis.service']);
  assert.equal(stdout, '');
});

/** The container is there before Redis in it listens. */
async function answersPing(container: string): Promise<void> {
  await until(`${container} answers PING`, async () => {
    const { stdout } = await run('docker', ['exec', container, 'redis-cli', 'ping']).catch(() => ({ stdout: '' }));
    return stdout.trim() === 'PONG';
  });
}
