import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';

/** A long-running process of ours, whose output goes to a file. */
export interface Child {
  readonly pid: number;
  /** Resolves when it has ended, whoever ended it, with how: "exited with code 1", "was killed by SIGKILL". */
  readonly exited: Promise<string>;
  /** SIGTERM, and SIGKILL when it has not ended after `timeoutMs`; resolves when it has ended. */
  stop(timeoutMs: number): Promise<void>;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
}

export interface ChildOptions {
  /** Takes standard output and standard error, appended; readable by its owner alone. */
  logFile: string;
  env?: NodeJS.ProcessEnv;
  /** In a process group of its own, so that Ctrl-C on the terminal does not reach it. */
  detached?: boolean;
}

/** A program could not be started at all. */
export class SpawnError extends Error {
  override readonly name = 'SpawnError';
}

/**
 * Starts a program; resolves as soon as the process is there.
 * @throws {SpawnError} no such program, not executable …
 */
export async function startChild(command: readonly string[], options: ChildOptions): Promise<Child> {
  const [program = '', ...args] = command;
  const log = await open(options.logFile, 'a', 0o600);
  try {
    const { env = process.env, detached = false } = options;
    const child = spawn(program, args, { env, detached, stdio: ['ignore', log.fd, log.fd] });
    await once(child, 'spawn');
    return asChild(child);
  } catch (cause) {
    throw new SpawnError(`cannot start ${program}: ${String(cause)}`, { cause });
  } finally {
    await log.close();
  }
}

function asChild(child: ChildProcess): Child {
  const { pid } = child;
  if (pid === undefined) throw new SpawnError('the process has no pid');
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? `exited with code ${code}` : `was killed by ${signal}`),
    );
  });
  return {
    pid,
    exited,
    stop: (timeoutMs) => stop(child, exited, timeoutMs),
    kill: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function stop(child: ChildProcess, exited: Promise<string>, timeoutMs: number): Promise<void> {
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  await exited;
  clearTimeout(force);
}
