import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { systemClock } from '../../../../shared/clock/systemClock.ts';
import { dockerSkip, ensureImage } from '../../../../test/support/docker.ts';
import { registryPassword, registryUser, startRegistry } from '../../../../test/support/registry.ts';
import { startTcpProxy, type TcpProxy } from '../../../../test/support/tcpProxy.ts';
import { until } from '../../../../test/support/until.ts';
import { createDockerRuntime, type DockerRuntime } from '../docker.ts';
import { commandOf, serviceOf } from '../runtime.contract.ts';
import type { Exit } from '../runtime.ts';

const skip = await dockerSkip();
const run = promisify(execFile);

describe('images from a registry that wants a password', { skip, timeout: 60_000 }, () => {
  const cleaning: (() => unknown)[] = [];
  const unit = 'web.service';
  let proxy: TcpProxy;
  let image: string;
  let directory: string;
  const docker = async (...args: string[]) => run('docker', ['--config', directory, ...args]);
  const open = (registryAuth: string): DockerRuntime => {
    const machine = randomBytes(16).toString('hex');
    const runtime = createDockerRuntime({ machine, clock: systemClock, registryAuth });
    cleaning.unshift(async () => {
      await runtime.remove(unit);
      runtime.close();
    });
    return runtime;
  };
  const start = async (runtime: DockerRuntime, ...options: string[]): Promise<Exit> => {
    const command = commandOf('/usr/bin/docker', 'run', '--network', 'none', ...options, image, 'cat', '/version');
    const service = serviceOf(command);
    const main = await runtime.start({ unit, hash: 'h', token: 1, command, service, environment: {} });
    return main.exited;
  };
  const lastLine = async (runtime: DockerRuntime) => {
    let last = '';
    const signal = new AbortController().signal;
    for await (const line of runtime.journal(unit, { lines: 1, follow: false, signal })) last = line;
    return last;
  };
  /** Pushes an image whose file /version says so, and leaves none here. */
  const publish = async (version: string) => {
    const name = `flotilla-test-${randomBytes(6).toString('hex')}`;
    await docker(
      'run',
      '--name',
      name,
      '--network',
      'none',
      'flotilla/busybox',
      'sh',
      '-c',
      `echo ${version} > /version`,
    );
    await docker('commit', name, image);
    await docker('rm', name);
    await docker('push', image);
  };

  before(async () => {
    const t = { after: (work: () => unknown) => void cleaning.unshift(work) };
    await ensureImage('busybox');
    directory = await mkdtemp(join(tmpdir(), 'flotilla-login-'));
    t.after(() => rm(directory, { recursive: true }));
    proxy = await startTcpProxy(t, await startRegistry(t));
    const host = `127.0.0.1:${proxy.port}`;
    image = `${host}/fleet/app:1`;
    t.after(async () => {
      const { stdout } = await docker('images', '--quiet', `${host}/fleet/app`);
      await docker('rmi', '-f', ...new Set(stdout.split('\n').filter(Boolean)));
    });
    await docker('login', '--username', registryUser, '--password', registryPassword, host);
    await publish('one');
    await docker('rmi', image);
  });

  after(async () => {
    for (const work of cleaning) await work();
  });

  it('are fetched with what docker login has written, and what takes long is told meanwhile', async () => {
    const runtime = open(join(directory, 'config.json'));
    proxy.stall();
    const started = start(runtime);
    await until('the pull is told', () => runtime.activity?.(unit) === `pulling ${image}`);
    proxy.heal();
    assert.deepEqual(await started, { kind: 'exited', code: 0 });
    assert.deepEqual([await lastLine(runtime), runtime.activity?.(unit)], ['one', null]);
  });

  it('are fetched anew only where the pull policy says always', async () => {
    const runtime = open(join(directory, 'config.json'));
    const { stdout: before } = await docker('inspect', '--format', '{{.Id}}', image);
    await publish('two');
    await docker('tag', before.trim(), image);
    await start(runtime, '--pull=missing');
    assert.equal(await lastLine(runtime), 'one');
    await start(runtime, '--pull=always');
    assert.equal(await lastLine(runtime), 'two');
    await docker('rmi', '-f', image);
    await assert.rejects(start(runtime, '--pull=never'), /is not on this machine, and --pull=never/);
  });

  it('are not had without credentials, or with wrong ones, and no message tells a password', async () => {
    const [none, wrong, broken] = ['none', 'wrong', 'broken'].map((name) => join(directory, `${name}.json`)) as [
      string,
      string,
      string,
    ];
    await writeFile(none, '{}');
    const right = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
    const auth = Buffer.from('ship:wrong-secret').toString('base64');
    const auths = Object.fromEntries(Object.keys(right.auths).map((host) => [host, { auth }]));
    await writeFile(wrong, JSON.stringify({ auths }));
    await writeFile(broken, '{"auths": "wrong-secret"');
    const isTold = (pattern: RegExp) => (error: Error) =>
      pattern.test(error.message) && !/wrong-secret/.test(error.message) && !error.message.includes(auth);
    const host = `127.0.0.1:${proxy.port}`;
    const missing = isTold(new RegExp(`could not be pulled: .*\\(this machine has no credentials for ${host}\\)`));
    await assert.rejects(start(open(none), '--pull=always'), missing);
    await assert.rejects(start(open(wrong), '--pull=always'), isTold(/could not be pulled: .*unauthorized/));
    await assert.rejects(start(open(broken), '--pull=always'), isTold(/not in the format of docker's config\.json/));
    await assert.rejects(start(open('/no/such'), '--pull=always'), isTold(/\/no\/such cannot be read: ENOENT/));
  });
});
