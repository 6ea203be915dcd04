/** What tests that need a Docker engine start with. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { EngineUnreachableError } from '../../services/node/runtime/docker/engine.ts';
import { createEngine } from '../../services/node/runtime/docker.ts';
import { until } from './until.ts';

const images = fileURLToPath(new URL('../../scripts/images.sh', import.meta.url));

/**
 * Why the tests that need an engine cannot run here, or false. Where FLOTILLA_REQUIRE_DOCKER=1 says that there has to be
 * one, a missing engine is a failure instead.
 */
export async function dockerSkip(): Promise<string | false> {
  const engine = createEngine();
  try {
    await engine.ping();
    return false;
  } catch (cause) {
    const reason = `no Docker engine answers at ${engine.address}`;
    if (process.env.FLOTILLA_REQUIRE_DOCKER === '1') throw new Error(reason, { cause });
    return reason;
  }
}

const run = promisify(execFile);

/** Builds the image, if it is not there, from Debian packages. */
export async function ensureImage(
  name: 'busybox' | 'notify' | 'redis' | 'nginx' | 'postgres',
  dockerHost?: string,
): Promise<void> {
  const env = dockerHost === undefined ? process.env : { ...process.env, DOCKER_HOST: dockerHost };
  await run('sh', [images, name], { env, timeout: 180_000 });
}

/** An engine of the test's own, which it may kill. */
export interface PrivateEngine {
  socket: string;
  /** As a crash does; its containers' processes stay. */
  kill(): Promise<void>;
  /** Starts it (again), and resolves when it answers. */
  start(): Promise<void>;
  /** Removes it with all that it holds. */
  dispose(): Promise<void>;
}

/**
 * Starts a second engine that has this image; needs root. It lives in namespaces of its own: an engine that starts
 * rearranges the bridges and firewall rules that it takes for its own, and one that crashes leaves its mounts.
 */
export async function startPrivateEngine(image: string): Promise<PrivateEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-engine-'));
  const socket = join(directory, 'engine.sock');
  let daemon: ChildProcess | undefined;
  const end = async (signal: NodeJS.Signals) => {
    const exited = daemon && once(daemon, 'exit');
    daemon?.kill(signal);
    await exited;
    daemon = undefined;
  };
  const start = async () => {
    daemon = spawn('unshare', ['--net', '--mount', 'dockerd', ...engineArguments(directory, socket)], {
      stdio: 'ignore',
    });
    const engine = createEngine({ socketPath: socket });
    await until('the private engine answers', () => engine.ping().then(() => true, isAway), 30_000);
  };
  const kill = async () => {
    await end('SIGKILL');
    // The engine's own containerd dies with it; an engine that finds its number waits for it in vain.
    await rm(join(directory, 'exec', 'containerd', 'containerd.pid'), { force: true });
  };
  const dispose = async () => {
    if (!daemon) await start();
    const left = (await run('docker', ['-H', `unix://${socket}`, 'ps', '-aq'])).stdout.split(/\s+/).filter(Boolean);
    if (left.length > 0) await run('docker', ['-H', `unix://${socket}`, 'rm', '-f', ...left]);
    // Asked to, it ends its containerd too.
    await end('SIGTERM');
    await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  await start();
  await run('docker', ['save', '-o', join(directory, 'image.tar'), image]);
  await run('docker', ['-H', `unix://${socket}`, 'load', '-i', join(directory, 'image.tar')]);
  return { socket, start, kill, dispose };
}

function engineArguments(directory: string, socket: string): string[] {
  const name = directory.slice(directory.lastIndexOf('-') + 1).toLowerCase();
  const paths = ['--data-root', join(directory, 'data'), '--exec-root', join(directory, 'exec')];
  const identity = ['--pidfile', join(directory, 'pid'), '--host', `unix://${socket}`];
  const spaces = ['--containerd-namespace', `test-${name}`, '--containerd-plugins-namespace', `test-plugins-${name}`];
  return [...paths, ...identity, ...spaces, '--bridge=none', '--iptables=false', '--storage-driver=vfs'];
}

function isAway(error: unknown): false {
  if (error instanceof EngineUnreachableError) return false;
  throw error;
}
