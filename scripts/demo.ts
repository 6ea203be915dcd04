// `npm run demo`: a three-node cluster, the seed's units, a machine that dies, and what the log says of it. About a minute.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pc from 'picocolors';
import type { UnitStateView } from '../shared/domain/views.ts';
import { readClusterFile } from '../shared/embedded/clusterFile.ts';
import { findOrFetchNatsServer } from '../shared/embedded/fetchNatsServer.ts';
import { readCommandLine } from './support/commandLine.ts';
import { killMachineOf } from './support/killMachine.ts';
import { engineAnswers, provideRedisImage } from './support/redisImage.ts';
import { capture, heading, say, type } from './support/stage.ts';

readCommandLine({
  command: 'npm run demo',
  about: 'shows a cluster of three nodes, a machine that dies, and what the log says of it; takes about a minute',
  options: {},
});

const root = fileURLToPath(new URL('..', import.meta.url));
const program = join(root, 'dist/flotilla.js');
const limits = { upMs: 60_000, failoverMs: 30_000, downMs: 60_000 };

process.exitCode = await demo().then(
  () => 0,
  (error) => {
    console.error(pc.red(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`));
    return 1;
  },
);

async function demo(): Promise<void> {
  heading('What is needed');
  await prepare();
  const docker = (await engineAnswers()) && (await provideRedisImage());
  if (!docker) say('no Docker engine (or no Redis image) here: the units run as plain processes instead of containers');
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-demo-'));
  const up = startCluster(dir, docker);
  try {
    await waitForCluster(dir, up);
    await show(dir, docker);
  } finally {
    await stopCluster(up);
    await rm(dir, { recursive: true, force: true });
  }
  say(pc.green('everything that was started is stopped'));
}

async function prepare(): Promise<void> {
  const { version, source } = await findOrFetchNatsServer({ progress: say });
  say(`nats-server ${version} (${source})`);
  if (existsSync(program)) return;
  say('building the flotilla program');
  const { code, output } = await capture(['npm', 'run', '--silent', 'build'], { limitMs: 60_000, show: true });
  if (code !== 0) throw new Error(`the build failed: ${output}`);
}

interface Up {
  ended: Promise<unknown>;
  running: boolean;
  /** It has said that everything is there. */
  announced: boolean;
  stop(signal: NodeJS.Signals): void;
}

function startCluster(dir: string, docker: boolean): Up {
  heading('A cluster: NATS JetStream, a scheduler, three nodes');
  const args = ['up', '--nodes', '3', '--dir', dir, ...(docker ? [] : ['--runtime', 'process'])];
  console.log(`\n${pc.green('$')} ${pc.bold('flotilla up --nodes 3')}`);
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const up: Up = { ended: once(child, 'exit'), running: true, announced: false, stop: (signal) => child.kill(signal) };
  child.stdout.on('data', (chunk: Buffer) => {
    process.stdout.write(chunk);
    up.announced ||= String(chunk).includes('Ctrl-C');
  });
  void up.ended.then(() => {
    up.running = false;
  });
  return up;
}

async function stopCluster(up: Up): Promise<void> {
  heading('The end');
  if (up.running) up.stop('SIGINT');
  const late = sleep(limits.downMs, 'late', { ref: false });
  if ((await Promise.race([up.ended, late])) !== 'late') return;
  up.stop('SIGKILL');
  throw new Error(`the cluster did not stop within ${limits.downMs / 1000} s`);
}

async function waitForCluster(dir: string, up: Up): Promise<void> {
  await waitUntil('three machines are ready', limits.upMs, async () => {
    if (!up.running) throw new Error('flotilla up has ended');
    if (!up.announced || !(await readClusterFile(dir))?.server) return false;
    const { code, output } = await capture(flotilla(dir, 'list-machines', '--json'), { limitMs: 10_000, show: false });
    return code === 0 && JSON.parse(output).filter(({ state }: { state: string }) => state === 'ready').length === 3;
  });
}

/** The part to look at. */
async function show(dir: string, docker: boolean): Promise<void> {
  const run = (typed: string, ...args: string[]) => type(`flotilla ${typed}`, flotilla(dir, ...args));
  await run('list-machines', 'list-machines');
  const units = await startUnits(run, docker);
  await run('list-units', 'list-units');
  if (docker) await ping('redis', 'redis-polop');

  heading('A machine dies');
  const dead = await victim(dir, units);
  say(`killing machine ${dead.id.slice(0, 8)}…: its agent and everything that it runs, at once`);
  const killedAt = performance.now();
  await killMachineOf(dead, { docker });
  await waitUntil('its units run elsewhere', limits.failoverMs, async () => {
    const rows = await listUnits(dir);
    return units.every((unit) =>
      rows.some((row) => row.unit === unit && row.sub === 'running' && row.machine !== dead.id),
    );
  });
  say(
    pc.green(`all of its units run elsewhere, ${((performance.now() - killedAt) / 1000).toFixed(1)} s after the kill`),
  );
  await run('list-units', 'list-units');
  await run('list-machines', 'list-machines');
  if (docker) await ping('redis', 'redis-polop');

  heading('What the log says');
  await run('events', 'events');
  await run('replay', 'replay');
}

async function startUnits(
  run: (typed: string, ...args: string[]) => Promise<unknown>,
  docker: boolean,
): Promise<string[]> {
  heading('The units');
  const examples = (path: string) => join(root, 'examples', path);
  const hello = ['hello@1.service', 'hello@2.service'];
  const helloFiles = hello.map((name) => examples(`process/${name}`));
  await run(`start examples/process/hello@{1..2}.service`, 'start', ...helloFiles);
  if (!docker) return hello;
  await type('cat examples/redis/redis.service', ['cat', examples('redis/redis.service')]);
  await run('start examples/redis/redis.service', 'start', examples('redis/redis.service'));
  await type('ls -l examples/polop', ['ls', '-l', examples('polop')]);
  await run('start examples/polop/polop@redis.service', 'start', examples('polop/polop@redis.service'));
  return [...hello, 'redis.service', 'polop@redis.service'];
}

async function ping(...containers: string[]): Promise<void> {
  for (const name of containers) {
    await type(`docker exec ${name} redis-cli ping`, ['docker', 'exec', name, 'redis-cli', 'ping'], {
      limitMs: 10_000,
    });
  }
}

/** The machine that runs the most interesting unit. */
async function victim(dir: string, units: string[]): Promise<{ id: string; dir: string; pid: number }> {
  const rows = await listUnits(dir);
  const id = rows.find(({ unit }) => unit === (units.at(-1) ?? ''))?.machine;
  const node = (await readClusterFile(dir))?.nodes.find((entry) => entry.id === id);
  if (!node?.pid) throw new Error(`no machine runs ${units.at(-1)}`);
  return { id: node.id, dir: node.dir, pid: node.pid };
}

async function listUnits(dir: string): Promise<UnitStateView[]> {
  const { code, output } = await capture(flotilla(dir, 'list-units', '--json'), { limitMs: 10_000, show: false });
  return code === 0 ? JSON.parse(output) : [];
}

function flotilla(dir: string, ...args: string[]): string[] {
  return [process.execPath, program, ...args, '--dir', dir];
}

/** Asks until the answer is yes. Says now and then that it waits, and ends with an error after the time limit. */
async function waitUntil(what: string, limitMs: number, ask: () => Promise<boolean>): Promise<void> {
  const startedAt = performance.now();
  let saidAt = startedAt;
  while (!(await ask())) {
    const now = performance.now();
    if (now - startedAt > limitMs) throw new Error(`waited ${limitMs / 1000} s in vain until ${what}`);
    if (now - saidAt > 5_000) {
      saidAt = now;
      say(`still waiting until ${what}`);
    }
    await sleep(50);
  }
}
