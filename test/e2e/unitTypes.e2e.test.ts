import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { startTestCluster } from '../support/cluster.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

test('a path starts its service when a file comes, and a target what it wants', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-types-'));
  t.after(() => rm(directory, { recursive: true }));
  const [flag, out] = [join(directory, 'flag'), join(directory, 'out')];
  const job = `[Service]\nType=oneshot\nExecStart=/bin/sh -c 'rm ${flag} && echo done >> ${out}'\n`;
  await writeFile(join(directory, 'job.service'), job);
  await writeFile(join(directory, 'job.path'), `[Path]\nPathExists=${flag}\n`);
  await writeFile(join(directory, 'worker.service'), '[Service]\nExecStart=/bin/sleep 1000\n');
  await writeFile(join(directory, 'app.target'), '[Unit]\nDescription=All of it\nWants=worker.service\n');
  const cluster = await startTestCluster(t, { nodes: 2 });
  const start = async (...names: string[]) => {
    const { code, stdout, stderr } = await cluster.cli('start', ...names.map((name) => join(directory, name)));
    assert.equal(code, 0, stderr);
    return stdout;
  };
  assert.match(await start('job.path'), /job\.service: submitted along\n.*job\.path/);
  const runs = async () => (await readFile(out, 'utf8').catch(() => '')).split('\n').length - 1;
  for (const count of [1, 2]) {
    await writeFile(flag, '');
    await until(`run ${count}`, async () => (await runs()) === count);
  }
  await assert.rejects(unlink(flag));

  await cluster.cli('submit', join(directory, 'worker.service'));
  await start('app.target');
  const rows = await cluster.unitsUntil('both are active', (all) =>
    ['worker.service', 'app.target'].every((name) =>
      all.some(({ unit, active }) => unit === name && active === 'active'),
    ),
  );
  assert.equal(rows.find(({ unit }) => unit === 'app.target')?.sub, 'active');
});

test('a socket starts its service when somebody calls, and keeps callers while it does not run', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-sockets-'));
  t.after(() => rm(directory, { recursive: true }));
  const path = join(directory, 'web.sock');
  const serve =
    'open my $door, "+<&=", 3; while (accept my $call, $door) { print {$call} "$$ $ENV{LISTEN_PID} $ENV{LISTEN_FDNAMES}" }';
  await writeFile(join(directory, 'serve.pl'), serve);
  await writeFile(
    join(directory, 'web.service'),
    `[Unit]\nRequires=web.socket\nAfter=web.socket\n[Service]\nExecStart=/usr/bin/perl ${directory}/serve.pl\n`,
  );
  await writeFile(join(directory, 'web.socket'), `[Socket]\nListenStream=${path}\nFileDescriptorName=front\n`);
  const cluster = await startTestCluster(t, { nodes: 2 });
  const call = async () => {
    const { stdout } = await run('/usr/bin/perl', [
      '-MSocket',
      '-e',
      'socket C,1,1,0; connect C,pack_sockaddr_un(shift) or die $!; print <C>',
      path,
    ]);
    return stdout.trim().split(' ');
  };
  const state = async (name: string) => {
    const row = (await cluster.units()).find(({ unit }) => unit === name);
    return `${row?.active} ${row?.sub}`;
  };
  const started = await cluster.cli('start', join(directory, 'web.socket'));
  assert.equal(started.code, 0, started.stderr);
  assert.deepEqual([await state('web.socket'), await state('web.service')], ['active listening', 'inactive dead']);
  const [pid, listenPid, name] = await call();
  assert.deepEqual([listenPid, name], [pid, 'front']);
  await until(
    'both are told to run',
    async () => (await state('web.socket')) === 'active running' && (await state('web.service')) === 'active running',
  );
  assert.deepEqual((await call())[0], pid);

  assert.equal((await cluster.cli('stop', 'web.service')).code, 0);
  const [next] = await call();
  assert.notEqual(next, pid);
  assert.equal((await cluster.cli('stop', 'web.socket')).code, 0);
  await until('the service, which requires it, ends with it', async () =>
    /^(?:inactive|failed)/.test(await state('web.service')),
  );
  await assert.rejects(call());
  assert.deepEqual(await state('web.socket'), 'inactive dead');
});
