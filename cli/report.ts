import { exitCode, FailureError, UsageError } from './errors.ts';
import type { Io } from './io.ts';

/** Says what went wrong, without a stack trace unless `FLOTILLA_DEBUG=1` asks for it. Returns the exit code. */
export function report(io: Io, error: unknown): number {
  io.progress(null);
  const message = error instanceof Error ? error.message : String(error);
  io.err(`flotilla: ${message}`);
  if (error instanceof FailureError) for (const detail of error.details) io.err(`  ${detail}`);
  if (io.env.FLOTILLA_DEBUG === '1' && error instanceof Error) io.err(stackOf(error));
  return error instanceof UsageError ? exitCode.usage : exitCode.failed;
}

function stackOf(error: Error): string {
  const stack = error.stack ?? error.message;
  return error.cause instanceof Error ? `${stack}\ncaused by ${stackOf(error.cause)}` : stack;
}
