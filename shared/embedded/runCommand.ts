import { execFile } from 'node:child_process';

/** A command failed, or was ended because its time was up. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}

export interface CommandOptions {
  timeoutMs: number;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Runs a program to its end and resolves with its standard output.
 * @throws {CommandError} with the last lines of what it said on standard error.
 */
export function runCommand(program: string, args: readonly string[], options: CommandOptions): Promise<string> {
  const { timeoutMs, cwd, env = process.env } = options;
  const settings = { cwd, env, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 16 << 20 } as const;
  return new Promise((resolve, reject) => {
    execFile(program, [...args], settings, (cause, stdout, stderr) => {
      if (cause === null) return resolve(stdout);
      const why = cause.killed ? `it took longer than ${timeoutMs / 1000} s` : lastLines(stderr) || cause.message;
      reject(new CommandError(`${program} failed: ${why}`, { cause }));
    });
  });
}

function lastLines(text: string): string {
  return text.trim().split('\n').slice(-3).join(' / ');
}
