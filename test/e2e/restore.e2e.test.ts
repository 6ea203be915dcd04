import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { UnitDetails } from '../../shared/protocol/queries.ts';
import { startTestNats, type TestNats } from '../support/nats.ts';
import { until } from '../support/until.ts';

const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));
const sleeper = '[Service]\nExecStart=/bin/sleep 100000\n';

/** Services and calls of the program, all with the same NATS. */
function programs(nats: TestNats, dir: string) {
  const env = {
    ...process.env,
    FLOTILLA_SERVER: `nats://127.0.0.1:${nats.port}`,
    FLOTILLA_USER: nats.user,
    FLOTILLA_PASSWORD: nats.password,
  };
  const run = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      execFile(process.execPath, [program, ...args], { env, cwd: dir, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr });
      });
    });
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [program, ...args], { env, cwd: dir, stdio: 'ignore' });
    const exited = once(child, 'exit');
    const stop = async (signal: NodeJS.Signals) => {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await exited;
    };
    return { stop };
  };
  const done = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(...args);
    assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  };
  /** Process ids of these units, where they are known to run. */
  const running = async (...units: string[]): Promise<Map<string, number>> => {
    const { stdout } = await run('status', '--json', ...units);
    const details: UnitDetails[] = stdout === '' ? [] : JSON.parse(stdout);
    const states = details.flatMap((unit) => unit.states);
    return new Map(states.flatMap(({ unit, sub, pid }) => (sub === 'running' && pid ? [[unit, pid]] : [])));
  };
  return { run, start, done, running };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a cluster whose NATS lost everything goes on from a backup, and its units were never stopped', async (t) => {
  const nats = await startTestNats(t);
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-restore-'));
  const { run, start, done, running } = programs(nats, dir);
  const serve = () => [start('scheduler'), start('kv', 'serve', '--listen', '127.0.0.1:0', '--name', 's')];
  let services = serve();
  const node = start('node', '--runtime', 'process', '--dir', join(dir, 'node'));
  t.after(async () => {
    await node.stop('SIGTERM');
    await Promise.all(services.map((service) => service.stop('SIGKILL')));
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  });
  await until(
    'the machine is ready',
    async () => (await run('list-machines', '--json')).stdout.includes('"ready"'),
    30_000,
  );
  await done('kv', 'put', 'before', '1');
  const file = (name: string) => join(dir, name);
  for (const name of ['a', 'b', 'late', 'new']) await writeUnit(file(`${name}.service`));
  await done('start', file('a.service'), file('b.service'));
  const before = await running('a.service', 'b.service');
  assert.equal(before.size, 2);
  const [a = 0, b = 0] = before.values();

  // The cluster goes on meanwhile.
  const [saved] = await Promise.all([done('backup', file('backup')), done('kv', 'put', 'meanwhile', '1')]);
  assert.match(saved, /read back without a fault/);
  const refused = await run('restore', file('backup'));
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /has a history already/);
  await done('start', file('late.service'));
  const [late = 0] = (await running('late.service')).values();
  assert.ok(isAlive(late));

  await Promise.all(services.map((service) => service.stop('SIGKILL')));
  await nats.kill();
  await rm(join(nats.dir, 'jetstream'), { recursive: true });
  await nats.start();
  await done('restore', file('backup'));
  assert.ok([a, b, late].every(isAlive), 'no unit was stopped');
  const replayed = await done('replay', '--offline');
  assert.match(replayed, /hash chain unbroken/);

  services = serve();
  await until('what only the lost history knew is stopped', () => !isAlive(late), 30_000);
  await done('start', file('new.service'));
  assert.deepEqual(await running('a.service', 'b.service'), before, 'they are the same processes');
  await done('stop', 'a.service');
  assert.ok(!isAlive(a), 'a command reaches the node');
  assert.ok(isAlive(b));
  assert.match(await done('replay'), /agrees with the live state/);
  assert.match(await done('kv', 'get', 'before'), /1/);
  await done('kv', 'put', 'after', '1');
  await done('stop', 'b.service', 'new.service');
});

async function writeUnit(path: string): Promise<void> {
  await writeFile(path, sleeper);
}
