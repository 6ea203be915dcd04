/** A child process as a {@link Session}, with a terminal of its own where one is wanted. */
import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink } from 'node:fs/promises';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { isAccessible } from '../../../shared/embedded/files.ts';
import type { TerminalSize } from '../../../shared/protocol/exec.ts';
import type { Execution } from './process/execution.ts';
import { type Session, type SessionRequest, StartError } from './runtime.ts';

const run = promisify(execFile);
/** script(1) of util-linux makes terminals. */
const terminalMaker = '/usr/bin/script';
const hangUpMs = 2_000;

/**
 * @param group the control group to enter; null: none.
 * @throws {StartError} no process could be made.
 */
export async function openChildSession(
  execution: Execution,
  group: string | null,
  { tty, interactive }: Pick<SessionRequest, 'tty' | 'interactive'>,
): Promise<Session> {
  const enter = group === null ? '' : `echo $$ > ${quoted(`${group}/cgroup.procs`)} 2>/dev/null; `;
  const become = `${enter}umask ${execution.umask}; `;
  if (tty !== null && !(await isAccessible(terminalMaker))) {
    throw new StartError(`a terminal needs ${terminalMaker} (of util-linux) on the unit's machine`);
  }
  const exec = `exec ${execution.argv.map(quoted).join(' ')}`;
  const inTerminal = `stty rows ${tty?.rows} columns ${tty?.columns}; ${become}${exec}`;
  const argv =
    tty === null
      ? ['/bin/sh', '-c', `${become}${exec}`]
      : [terminalMaker, '--quiet', '--return', '--flush', '--echo', 'always', '--command', inTerminal, '/dev/null'];
  const env = { ...execution.environment, ...(tty === null ? {} : { TERM: tty.term }) };
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { cwd: execution.cwd, env, detached: true, stdio: 'pipe' });
  if (child.pid === undefined)
    throw new StartError(`no process could be made: ${(await once(child, 'error'))[0].message}`);
  if (!interactive) child.stdin.end();
  return sessionOf(child, tty !== null);
}

function sessionOf(child: ChildProcessWithoutNullStreams, hasTerminal: boolean): Session {
  const pid = child.pid ?? 0;
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  // It may end before all of its input is read.
  child.stdin.on('error', () => undefined);
  return {
    output: merged(child.stdout, child.stderr),
    async write(data) {
      if (child.stdin.writable && !child.stdin.write(data)) await Promise.race([once(child.stdin, 'drain'), ended]);
    },
    endInput: () => void child.stdin.end(),
    async resize(size) {
      if (hasTerminal) await resize(pid, size).catch(() => undefined);
    },
    signal: async (name) => send(hasTerminal ? await childrenOf(pid) : [pid], name),
    async exitCode() {
      const [code, signal] = await ended;
      return code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    },
    abandon() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.stdout.resume();
      child.stderr.resume();
      void hangUp(child, hasTerminal);
    },
  };
}

async function hangUp(child: ChildProcessWithoutNullStreams, hasTerminal: boolean): Promise<void> {
  const own = child.pid ?? 0;
  const groups = [own, ...(hasTerminal ? await childrenOf(own) : [])];
  send(groups, 'SIGHUP');
  const timer = setTimeout(() => send(groups, 'SIGKILL'), hangUpMs);
  await once(child, 'close');
  clearTimeout(timer);
}

/** To the process groups that these lead: each was made the first of one. */
function send(leaders: readonly number[], name: string): void {
  for (const leader of leaders) {
    try {
      process.kill(-leader, name as NodeJS.Signals);
    } catch {
      // It has ended, or there is no such signal.
    }
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.split(' ').filter(Boolean).map(Number);
}

/** The kernel tells the programs on the terminal by SIGWINCH. */
async function resize(pid: number, { columns, rows }: TerminalSize): Promise<void> {
  const [shell] = await childrenOf(pid);
  if (shell === undefined) return;
  const terminal = await readlink(`/proc/${shell}/fd/0`);
  await run('stty', ['-F', terminal, 'rows', String(rows), 'columns', String(columns)]);
}

async function* merged(out: Readable, err: Readable): AsyncGenerator<{ stream: 'out' | 'err'; data: Uint8Array }> {
  const queue: { stream: 'out' | 'err'; data: Uint8Array }[] = [];
  let open = 2;
  let wake = () => {};
  for (const [stream, source] of [
    ['out', out],
    ['err', err],
  ] as const) {
    source.on('data', (data: Buffer) => {
      queue.push({ stream, data });
      // The next piece is read when this one was taken.
      source.pause();
      wake();
    });
    source.once('close', () => {
      open -= 1;
      wake();
    });
  }
  for (;;) {
    const next = queue.shift();
    if (next !== undefined) {
      yield next;
      (next.stream === 'out' ? out : err).resume();
    } else if (open === 0) return;
    else
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
  }
}

/** A word for sh(1). */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
