/** How the demo talks: what it does, with its time; the commands that a user would type, with what they print. */
import { spawn } from 'node:child_process';
import pc from 'picocolors';

const startedAt = performance.now();

export function say(line: string): void {
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
  console.log(`${pc.dim(`${seconds} s`)}  ${line}`);
}

export function heading(text: string): void {
  console.log(`\n${pc.bold(pc.cyan(`── ${text} `.padEnd(78, '─')))}`);
}

export interface Ran {
  code: number;
  output: string;
}

/**
 * Runs a command, printed as somebody would type it, and shows what it prints as it comes. It is ended after `limitMs`.
 * @throws it ended with another code than 0.
 */
export async function type(
  typed: string,
  argv: string[],
  { limitMs = 60_000, cwd = process.cwd() } = {},
): Promise<Ran> {
  console.log(`\n${pc.green('$')} ${pc.bold(typed)}`);
  const ran = await capture(argv, { limitMs, cwd, show: true });
  if (ran.code !== 0) throw new Error(`"${typed}" ended with code ${ran.code}`);
  return ran;
}

/** Runs a command and gathers what it prints, stdout and stderr together. */
export function capture(
  [program = '', ...args]: string[],
  { limitMs, cwd, show }: { limitMs: number; cwd?: string; show: boolean },
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, timeout: limitMs, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk;
      if (show) process.stdout.write(chunk);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (signal !== null) output += `\nended by ${signal}; it had ${limitMs / 1000} s`;
      resolve({ code: code ?? 1, output });
    });
  });
}
