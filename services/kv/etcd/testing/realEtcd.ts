/** What tests start with that compare us with etcd itself. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { choosePort } from '../../../../shared/embedded/choosePort.ts';
import { until } from '../../../../test/support/until.ts';

const host = '127.0.0.1';
const run = promisify(execFile);

/**
 * Why the tests that need a program of Debian's packages etcd-server and etcd-client cannot run here, or false. Where
 * FLOTILLA_REQUIRE_DOCKER=1 says that nothing may be missing, it is a failure instead.
 */
export async function skipWithout(program: 'etcd' | 'etcdctl'): Promise<string | false> {
  const args = program === 'etcd' ? ['--version'] : ['version'];
  try {
    await run(program, args, { env: { ...process.env, ETCDCTL_API: '3' } });
    return false;
  } catch (cause) {
    const reason = `${program} is not installed`;
    if (process.env.FLOTILLA_REQUIRE_DOCKER === '1') throw new Error(reason, { cause });
    return reason;
  }
}

/** A new etcd of the test's own; resolves with its port once it has a leader. */
export async function startRealEtcd(t: Pick<TestContext, 'after'>): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-etcd-'));
  const [port, peerPort] = [await choosePort(host), await choosePort(host)];
  const child = spawn('etcd', argumentsOf(dir, port, peerPort), { stdio: 'ignore' });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  t.after(async () => {
    await end(child);
    process.off('exit', endWithUs);
    await rm(dir, { recursive: true, force: true });
  });
  await until('etcd is healthy', () => isHealthy(port), 30_000);
  return port;
}

function argumentsOf(dir: string, port: number, peerPort: number): string[] {
  const client = `http://${host}:${port}`;
  const peer = `http://${host}:${peerPort}`;
  return [
    ...['--name', 'real', '--data-dir', dir, '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `real=${peer}`],
    '--unsafe-no-fsync',
  ];
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${host}:${port}/health`);
    return (await response.text()).includes('true');
  } catch {
    // Nobody listens yet.
    return false;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
