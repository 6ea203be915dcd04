/** The files of examples/production, as docs/production.md tells to use them; only hosts, ports and paths are replaced. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Child, startChild } from '../../shared/embedded/childProcess.ts';
import { choosePort } from '../../shared/embedded/choosePort.ts';
import { findOrFetchNatsServer } from '../../shared/embedded/fetchNatsServer.ts';
import type { CleanUp } from '../support/nats.ts';
import { countProcesses } from '../support/processes.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const examples = fileURLToPath(new URL('../../examples/production', import.meta.url));
const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));
/** Certificates are for names. */
const host = 'localhost';
const address = '127.0.0.1';
const hosts = ['a.example', 'b.example', 'c.example'];

test('systemd finds nothing wrong with the units', async (t) => {
  const dir = await directory(t);
  const names = (await readdir(examples)).filter((name) => name.endsWith('.service'));
  assert.equal(names.length, 5);
  for (const name of names) {
    const text = await readFile(join(examples, name), 'utf8');
    await writeFile(join(dir, name), text.replaceAll(/\/usr\/local\/bin\/\S+/g, '/bin/true'));
  }
  // What it calls a warning it says here, and still ends with 0.
  const { stdout, stderr } = await run('systemd-analyze', [
    'verify',
    '--man=no',
    ...names.map((name) => join(dir, name)),
  ]);
  const ours = `${stdout}${stderr}`.split('\n').filter((line) => line.includes('flotilla-'));
  assert.deepEqual(ours, []);
});

test('with two of three NATS servers gone changes wait and units go on; when they are back, so do changes', async (t) => {
  const site = await installSite(t);
  for (const index of hosts.keys()) await site.startNats(index);
  await site.start('scheduler', 'flotilla-scheduler.service');
  await site.start('node', 'flotilla-node.service', ['--dir', join(site.dir, 'node'), '--runtime', 'process']);
  const seconds = String(4_000_000 + process.pid);
  await writeFile(join(site.dir, 'a.service'), `[Service]\nExecStart=/bin/sleep ${seconds}\n`);
  await until('the first unit is started', async () => (await site.cli('start', 'a.service')).code === 0, 60_000);
  const pid = await site.pidOf('a.service');

  await site.killNats(0);
  // Where it led everything, its successors may take longer to be elected than a command waits.
  await until('changes go on without it', async () => (await site.cli('submit', 'a.service')).code === 0, 60_000);
  await site.killNats(1);
  await writeFile(join(site.dir, 'b.service'), `[Service]\nExecStart=/bin/sleep ${seconds}\n`);
  const refused = await site.cli('start', 'b.service');
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /no scheduler that leads answered .* within 15 s/);
  assert.equal(await countProcesses('/bin/sleep', seconds), 1);

  for (const index of [0, 1]) await site.startNats(index);
  await until('changes go on', async () => (await site.cli('start', 'b.service')).code === 0, 60_000);
  assert.equal(await site.pidOf('a.service'), pid);
  assert.equal(await countProcesses('/bin/sleep', seconds), 2);
});

test('when the log has lost its majority for good, a backup goes to three new servers, and no unit has stopped', async (t) => {
  const site = await installSite(t);
  const indices = [...hosts.keys()];
  for (const index of indices) await site.startNats(index);
  const scheduler = await site.start('scheduler', 'flotilla-scheduler.service');
  await site.start('node', 'flotilla-node.service', ['--dir', join(site.dir, 'node'), '--runtime', 'process']);
  const seconds = String(5_000_000 + process.pid);
  await writeFile(join(site.dir, 'a.service'), `[Service]\nExecStart=/bin/sleep ${seconds}\n`);
  await until('the unit is started', async () => (await site.cli('start', 'a.service')).code === 0, 60_000);
  const pid = await site.pidOf('a.service');
  const saved = await site.cli('backup', 'history.backup');
  assert.equal(saved.code, 0, saved.stderr);

  for (const index of indices) await site.killNats(index);
  const lost = await site.cli('doctor');
  assert.equal(lost.code, 1);
  assert.match(lost.stdout + lost.stderr, /cannot be reached|not reachable/);
  await scheduler.kill();
  for (const index of indices) {
    await rm(join(site.dir, `nats-${index}`), { recursive: true });
    await site.startNats(index);
  }
  let restored = { code: 1, stdout: '', stderr: '' };
  const restore = async () => {
    restored = await site.cli('restore', '--replicas', '3', 'history.backup');
    return restored.code === 0;
  };
  await until('the history is restored', restore, 60_000).catch(() => assert.fail(restored.stderr));
  assert.match(restored.stdout, /were read back without a fault/);
  assert.equal(await countProcesses('/bin/sleep', seconds), 1);

  await site.start('scheduler-2', 'flotilla-scheduler.service');
  await writeFile(join(site.dir, 'b.service'), `[Service]\nExecStart=/bin/sleep ${seconds}\n`);
  await until('changes go on', async () => (await site.cli('start', 'b.service')).code === 0, 60_000);
  assert.equal(await site.pidOf('a.service'), pid);
  assert.equal(await countProcesses('/bin/sleep', seconds), 2);
  const well = await until('nothing is wrong', async () => {
    const found = await site.cli('doctor');
    return found.code === 0 && found;
  });
  assert.match(well.stdout, /3 copies, up to sequence/);
  assert.doesNotMatch(well.stdout, /one copy/);
});

async function directory(t: CleanUp): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-production-'));
  t.after(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  return dir;
}

interface Site {
  dir: string;
  startNats(index: number): Promise<void>;
  killNats(index: number): Promise<void>;
  /** What the unit file starts, with other arguments where some are given. */
  start(name: string, unit: string, args?: string[]): Promise<Child>;
  cli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>;
  pidOf(unit: string): Promise<string>;
}

/** Three hosts that are all this one: each has the documented files, at a port of its own. */
async function installSite(t: CleanUp): Promise<Site> {
  const dir = await directory(t);
  const children: Child[] = [];
  t.after(async () => {
    // The node was started after what it speaks to: it stops its units while there is somebody to tell.
    for (const child of children.toReversed()) await child.stop(15_000);
  });
  const ports = await Promise.all(
    hosts.map(async () => ({ client: await choosePort(address), route: await choosePort(address) })),
  );
  await mkdir(join(dir, 'tls'));
  await run(join(examples, 'make-certificates.sh'), [host], { cwd: join(dir, 'tls') });
  const local = (text: string) =>
    hosts
      .reduce(
        (result, name, index) =>
          result
            .replace(`${name}:4222`, `${host}:${ports[index]?.client}`)
            .replace(`${name}:6222`, `${host}:${ports[index]?.route}`),
        text,
      )
      .replaceAll('/etc/flotilla/tls/host', join(dir, 'tls', host))
      .replaceAll('/etc/flotilla', dir)
      .replaceAll('CHANGE-ME', 'a password');
  const settings = local(await readFile(join(examples, 'flotilla.env'), 'utf8'));
  const env = {
    ...process.env,
    ...Object.fromEntries([...settings.matchAll(/^(\w+)=(.*)$/gm)].map(([, key, value]) => [key, value])),
  };
  const { path: binary } = await findOrFetchNatsServer({ progress: console.error });
  const nats: (Child | undefined)[] = [];
  const launch = async (name: string, argv: string[]) => {
    const child = await startChild(argv, { logFile: join(dir, `${name}.log`), env });
    children.push(child);
    return child;
  };
  const cli: Site['cli'] = (...args) =>
    new Promise((resolve) => {
      execFile(process.execPath, [program, ...args], { cwd: dir, env }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  return {
    dir,
    startNats: async (index) => {
      const name = `nats-${index}`;
      const text = local(await readFile(join(examples, 'nats.conf'), 'utf8'))
        .replace('0.0.0.0:4222', `${address}:${ports[index]?.client}`)
        .replace('0.0.0.0:6222', `${address}:${ports[index]?.route}`)
        .replace(/^http: .*$/m, '')
        .replace('/var/lib/nats', join(dir, name));
      await writeFile(join(dir, `${name}.conf`), text);
      nats[index] = await launch(name, [binary, '--config', join(dir, `${name}.conf`), '--name', name]);
    },
    killNats: async (index) => nats[index]?.kill(),
    start: async (name, unit, args) => {
      const command = /^ExecStart=\/usr\/local\/bin\/flotilla (.*)$/m.exec(
        await readFile(join(examples, unit), 'utf8'),
      )?.[1];
      assert.ok(command);
      const [verb = '', ...given] = command.split(' ');
      return launch(name, [process.execPath, program, verb, ...(args ?? given)]);
    },
    cli,
    pidOf: async (unit) => {
      const { stdout } = await cli('status', unit);
      return /Main PID: (\d+)/i.exec(stdout)?.[1] ?? stdout;
    },
  };
}
