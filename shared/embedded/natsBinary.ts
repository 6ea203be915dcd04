import { constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { describeError } from './describeError.ts';
import { isAccessible } from './files.ts';
import { runCommand } from './runCommand.ts';

/** A nats-server program that runs here and is new enough. */
export interface NatsBinary {
  path: string;
  /** `2.12.6` */
  version: string;
  /** Where it comes from, for people. */
  source: string;
}

/** Older servers lack what the log relies on. */
export const oldestNatsVersion = '2.11.0';

/** A file is no nats-server that can be used; the message says why. */
export class UnusableNatsServerError extends Error {
  override readonly name = 'UnusableNatsServerError';
}

/**
 * Asks a nats-server for its version.
 * @throws {UnusableNatsServerError} it does not run, says something else, or is too old.
 */
export async function probeNatsServer(path: string): Promise<string> {
  let output: string;
  try {
    output = await runCommand(path, ['--version'], { timeoutMs: 5_000 });
  } catch (cause) {
    throw new UnusableNatsServerError(`${path} cannot be run: ${describeError(cause)}`, { cause });
  }
  const version = /^nats-server: v(\d+\.\d+\.\d+\S*)/m.exec(output)?.[1];
  if (version === undefined) throw new UnusableNatsServerError(`${path} does not say the version of a nats-server`);
  if (!isAtLeast(version, oldestNatsVersion)) {
    throw new UnusableNatsServerError(`${path} is version ${version}; ${oldestNatsVersion} or newer is needed`);
  }
  return version;
}

function isAtLeast(version: string, oldest: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor = 0, oldestMinor = 0] = oldest.split('.').map(Number);
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
}

/** Every nats-server on PATH, and in the `sbin` beside each `bin` there: Debian's is in one, which only root has on PATH. */
export async function natsServersOnPath(env: NodeJS.ProcessEnv): Promise<string[]> {
  const onPath = (env.PATH ?? '').split(delimiter).filter((dir) => dir !== '');
  const directories = new Set([...onPath, ...onPath.map((dir) => dir.replace(/\/bin$/, '/sbin'))]);
  const name = process.platform === 'win32' ? 'nats-server.exe' : 'nats-server';
  const paths = [...directories].map((dir) => join(dir, name));
  const executable = await Promise.all(paths.map((path) => isAccessible(path, constants.X_OK)));
  return paths.filter((_, index) => executable[index]);
}
