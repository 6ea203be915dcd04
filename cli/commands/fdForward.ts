import { once } from 'node:events';
import { createConnection } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { exitCode, FailureError } from '../errors.ts';
import type { Invocation } from '../verb.ts';

/** Joins standard input and output with a unix socket, until either side ends. */
export async function fdForward({ args: [path = ''] }: Invocation): Promise<number> {
  const socket = createConnection(path);
  try {
    await once(socket, 'connect');
    // What the other side says last still comes when nothing more is asked.
    await Promise.all([pipeline(process.stdin, socket), pipeline(socket, process.stdout)]);
  } catch (cause) {
    throw new FailureError(`the socket ${path} cannot be used: ${(cause as Error).message}`, { cause });
  }
  return exitCode.done;
}
