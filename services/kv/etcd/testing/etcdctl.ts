import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { until } from '../../../../test/support/until.ts';

export interface CommandResult {
  code: number | null;
  stdout: string;
  /** Without the client's own log lines. */
  stderr: string;
}

const timeoutMs = 90_000;

const running = new Set<ChildProcessWithoutNullStreams>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Debian's etcdctl, talking to the server on that port of loopback. */
export class Etcdctl {
  readonly #settings: Readonly<Record<string, string>>;
  readonly #t: Pick<TestContext, 'after'>;

  /** `settings`: in its environment, instead of options. */
  constructor(t: Pick<TestContext, 'after'>, port: number, settings: Readonly<Record<string, string>> = {}) {
    this.#t = t;
    this.#settings = { ETCDCTL_API: '3', ETCDCTL_ENDPOINTS: `127.0.0.1:${port}`, ...settings };
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], input = ''): Promise<CommandResult> {
    const child = this.#spawn(args);
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    // It may end without having read what it has no use for.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [code] = await once(child, 'close');
    return { code, stdout: stdout.join(''), stderr: withoutLogs(stderr.join('')) };
  }

  /** Starts a command that runs until it is stopped. */
  start(args: readonly string[]): RunningCommand {
    return new RunningCommand(this.#spawn(args));
  }

  #spawn(args: readonly string[]): ChildProcessWithoutNullStreams {
    const child = spawn('etcdctl', args, { env: { ...process.env, ...this.#settings }, timeout: timeoutMs });
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#t.after(() => void child.kill('SIGKILL'));
    return child;
  }
}

export class RunningCommand {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #output: string[];

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    this.#output = collect(child.stdout);
  }

  /** Resolves with everything that was printed once it has this in it. */
  async printed(pattern: RegExp): Promise<string> {
    return until(`etcdctl prints ${pattern}`, () => (pattern.test(this.#all()) ? this.#all() : null));
  }

  /** As Ctrl-C does. */
  async interrupt(): Promise<void> {
    const closed = once(this.#child, 'close');
    if (this.#child.exitCode === null) this.#child.kill('SIGINT');
    await closed;
  }

  async kill(): Promise<void> {
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }

  #all(): string {
    return this.#output.join('');
  }
}

function collect(stream: NodeJS.ReadableStream): string[] {
  const parts: string[] = [];
  stream.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
  return parts;
}

function withoutLogs(text: string): string {
  return text
    .split('\n')
    .filter((line) => !line.startsWith('{"level"'))
    .join('\n');
}
