import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findOrFetchNatsServer } from '../../shared/embedded/fetchNatsServer.ts';
import { isSystemError } from '../../shared/embedded/files.ts';
import { startNatsServer } from '../../shared/embedded/natsServer.ts';

/** A NATS server of one test's own. */
export interface TestNats {
  readonly url: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly dir: string;
  readonly pid: number;
  /** Starts it again on the same port with the same data; it must have been stopped or killed. */
  start(): Promise<void>;
  /** Stops it in order and starts it again. */
  restart(): Promise<void>;
  /** SIGKILL, as a crash would be; {@link start} brings it back. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

/** What `node:test` gives to a test or takes in `before`: anything that runs clean-ups at the end. */
export interface CleanUp {
  after(fn: () => Promise<void>): void;
}

// The runner ends a file that takes too long by SIGTERM, which by itself runs no exit handlers.
process.once('SIGTERM', () => process.exit(143));

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}

/**
 * Starts a NATS server with JetStream on a free port of loopback, in a directory of its own. Both are gone after the
 * test. In a `before` hook pass `{ after }` of `node:test`.
 */
export async function startTestNats(t: CleanUp): Promise<TestNats> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-nats-'));
  const { path: binary } = await findOrFetchNatsServer({ progress: (line) => console.error(line) });
  const options = { binary, dir, user: 'flotilla', password: randomBytes(16).toString('hex') };
  let server = await startNatsServer(options);
  const endWithUs = () => endProcess(server.pid);
  process.once('exit', endWithUs);
  const { port } = server;
  const start = async () => {
    server = await startNatsServer({ ...options, port });
  };
  t.after(async () => {
    await server.stop();
    process.off('exit', endWithUs);
    await rm(dir, { recursive: true, force: true });
  });
  return {
    url: server.url,
    port,
    user: options.user,
    password: options.password,
    dir,
    get pid() {
      return server.pid;
    },
    start,
    restart: async () => {
      await server.stop();
      await start();
    },
    kill: () => server.kill(),
    stop: () => server.stop(),
  };
}
