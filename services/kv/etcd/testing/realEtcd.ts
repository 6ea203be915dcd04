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
import type { EtcdTls } from '../etcdServer.ts';

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

/** Of two that choose a port at the same time one finds it taken. */
const mostStarts = 3;

/** A new etcd of the test's own; resolves with its port once it has a leader. With `tls` clients need certificates. */
export async function startRealEtcd(t: Pick<TestContext, 'after'>, tls?: EtcdTls): Promise<number> {
  for (let start = 1; ; start++) {
    const port = await startOnce(t, tls);
    if (port !== null) return port;
    if (start === mostStarts) throw new Error(`etcd ended ${mostStarts} times before it was healthy`);
  }
}

/** null: it has ended. */
async function startOnce(t: Pick<TestContext, 'after'>, tls: EtcdTls | undefined): Promise<number | null> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-etcd-'));
  const [port, peerPort] = [await choosePort(host), await choosePort(host)];
  // Where clients need certificates, health is asked for elsewhere.
  const healthPort = tls ? await choosePort(host) : port;
  const health = `http://${host}:${healthPort}`;
  const args = [...argumentsOf(dir, port, peerPort, tls), ...(tls ? ['--listen-metrics-urls', health] : [])];
  const child = spawn('etcd', args, { stdio: 'ignore' });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  t.after(async () => {
    await end(child);
    process.off('exit', endWithUs);
    await rm(dir, { recursive: true, force: true });
  });
  const isReady = async () => hasEnded(child) || (await isHealthy(health));
  await until('etcd is healthy', isReady, 30_000);
  return hasEnded(child) ? null : port;
}

function argumentsOf(dir: string, port: number, peerPort: number, tls: EtcdTls | undefined): string[] {
  const client = `${tls ? 'https' : 'http'}://${host}:${port}`;
  const peer = `http://${host}:${peerPort}`;
  return [
    ...['--name', 'real', '--data-dir', dir, '--log-level', 'error'],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `real=${peer}`],
    '--unsafe-no-fsync',
    ...(tls ? tlsArguments(tls) : []),
  ];
}

function tlsArguments({ certFile, keyFile, trustedCaFile, clientCertAuth }: EtcdTls): string[] {
  return [
    ...['--cert-file', certFile, '--key-file', keyFile],
    ...(trustedCaFile === undefined ? [] : ['--trusted-ca-file', trustedCaFile]),
    ...(clientCertAuth ? ['--client-cert-auth'] : []),
  ];
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`);
    return (await response.text()).includes('true');
  } catch {
    // Nobody listens yet.
    return false;
  }
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}
