/** Real stores and a real NATS, each a process that a test may kill, pause and cut off. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, startChild } from '../../shared/embedded/childProcess.ts';
import { choosePort } from '../../shared/embedded/choosePort.ts';
import { isSystemError } from '../../shared/embedded/files.ts';
import { type CleanUp, startTestNats, type TestNats } from './nats.ts';
import { startTcpProxy, type TcpProxy } from './tcpProxy.ts';

const program = fileURLToPath(new URL('../../dist/flotilla.js', import.meta.url));

/** A `flotilla kv serve`, which reaches NATS by a proxy of its own. */
export interface StoreProcess {
  readonly name: string;
  /** Of etcd's API, on loopback; it keeps it. */
  readonly port: number;
  readonly pid: number;
  readonly proxy: TcpProxy;
  readonly logFile: string;
  /** After {@link kill}: it comes back, as `flotilla up` would bring it back. */
  start(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT. */
  pause(): void;
  resume(): void;
}

export interface KvCluster {
  readonly dir: string;
  readonly nats: TestNats;
  readonly stores: readonly StoreProcess[];
}

export interface KvClusterOptions {
  stores: number;
  /** False: the stores reach NATS directly, as they should be where time is measured, and cannot be cut off. */
  throughProxies?: boolean;
  /** What else `flotilla kv serve` is told. */
  serveArguments?: readonly string[];
}

/** Resolves when the processes are there; they may not answer yet. All of it is gone after the test. */
export async function startKvCluster(t: CleanUp, options: KvClusterOptions): Promise<KvCluster> {
  const { stores, throughProxies = true, serveArguments = [] } = options;
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-kv-'));
  // Clean-ups run in the order in which they were asked for: the stores go before what they need.
  const running: StoreProcess[] = [];
  t.after(async () => {
    await Promise.all(running.map((store) => store.kill()));
    await rm(dir, { recursive: true, force: true });
  });
  const nats = await startTestNats(t);
  for (let number = 1; number <= stores; number++) {
    running.push(await startStoreProcess(t, { dir, nats, name: `kv-${number}`, throughProxies, serveArguments }));
  }
  return { dir, nats, stores: running };
}

interface StoreProcessOptions extends Required<Omit<KvClusterOptions, 'stores'>> {
  dir: string;
  nats: TestNats;
  name: string;
}

async function startStoreProcess(
  t: CleanUp,
  { dir, nats, name, throughProxies, serveArguments }: StoreProcessOptions,
): Promise<StoreProcess> {
  const proxy = await startTcpProxy(t, nats);
  const port = await choosePort('127.0.0.1');
  const logFile = join(dir, `${name}.log`);
  const env = { ...process.env, FLOTILLA_USER: nats.user, FLOTILLA_PASSWORD: nats.password };
  const server = `nats://127.0.0.1:${throughProxies ? proxy.port : nats.port}`;
  const args = ['kv', 'serve', '--server', server, '--name', name, ...serveArguments];
  const command = [process.execPath, program, ...args, '--listen', `127.0.0.1:${port}`];
  let child = await startChild(command, { logFile, env });
  const endWithUs = () => signalTo(child, 'SIGKILL');
  process.once('exit', endWithUs);
  t.after(async () => {
    process.off('exit', endWithUs);
  });
  return {
    ...{ name, port, proxy, logFile },
    get pid() {
      return child.pid;
    },
    start: async () => {
      child = await startChild(command, { logFile, env });
    },
    kill: () => child.kill(),
    pause: () => signalTo(child, 'SIGSTOP'),
    resume: () => signalTo(child, 'SIGCONT'),
  };
}

function signalTo({ pid }: Child, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}
