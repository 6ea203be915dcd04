/** Starts a command under the shim, and waits until the shim's child has become the command. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { type Clock, delay } from '../../../../shared/clock/clock.ts';
import { StartError, startStatus } from '../runtime.ts';
import type { Execution } from './execution.ts';
import { perlPath } from './keeper.ts';
import { hasExecuted } from './processTable.ts';
import { readRecord } from './shim.ts';

/** A command that talks or forks away has a keeper instead of the shim: `keeper.ts`. */
export interface Keeping {
  script: string;
  notices: string;
  /** Where messages come in; null: there are to be none. */
  socket: string | null;
  access: string;
  pidFile: string;
  type: string;
  /** Ends of a command that forks away beside `exited 0` that are none of failure: `3 killed-9`, or `any`. */
  clean: string;
}

export interface LaunchFiles {
  /** The shim's script in a file, so that ps(1) shows a name and not a text. */
  shim: string;
  record: string;
  journal: string;
  /** The control group to enter. */
  group: string | null;
  keeping: Keeping | null;
  /** Those that limit it, to enter too. */
  limits: string[];
}

export interface Launched {
  /** Resolves when the shim has ended: then its record is complete. */
  shimEnded: Promise<void>;
  /** From now on the command does not keep the agent from ending. */
  unref: () => void;
}

/**
 * Resolves when the command has been executed (as for Type=exec), which for a short one may be after its end.
 * @param admitted resolves when it is this command's turn, right before its process is made; rejects where it may not start.
 * @throws {StartError} it could not be.
 */
export async function launch(
  files: LaunchFiles,
  identity: string,
  execution: Execution,
  clock: Clock,
  admitted: () => Promise<void>,
): Promise<Launched> {
  const child = await spawnShim(files, identity, execution, admitted);
  const shimEnded = once(child, 'exit').then(() => undefined);
  const channel = child.stdio[3] as Readable;
  const outcome = await untilExecuted(channel, clock).finally(() => channel.destroy());
  if (outcome.mainPid !== null && outcome.failure === null) return { shimEnded, unref: () => child.unref() };
  await shimEnded;
  const status = outcome.failure === null ? undefined : startStatus.exec;
  throw new StartError(await whyNotExecuted(files.record, execution, outcome.failure), { status });
}

/** @throws {StartError} the machine has no room for another process, the arguments are too long, or it is not admitted. */
async function spawnShim(
  files: LaunchFiles,
  identity: string,
  execution: Execution,
  admitted: () => Promise<void>,
): Promise<ChildProcess> {
  const { cwd, environment: env } = execution;
  const [program, args] = files.keeping
    ? keeper(files, files.keeping, identity, execution)
    : shim(files, identity, execution);
  await admitted();
  try {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
    if (child.pid === undefined) throw (await once(child, 'error'))[0];
    return child;
  } catch (error) {
    throw new StartError(`no process could be made: ${(error as Error).message}`, { cause: error });
  }
}

function shim({ shim, record, journal, group, limits }: LaunchFiles, identity: string, execution: Execution) {
  const settings = [group ?? '', limits.join(' '), execution.umask, execution.ignoreSigpipe ? '' : ':'];
  const args = [shim, record, journal, ...settings, identity, ...execution.argv];
  return ['/bin/sh', args] as const;
}

function keeper(
  { record, journal, group, limits }: LaunchFiles,
  keeping: Keeping,
  identity: string,
  execution: Execution,
) {
  const { script, notices, socket, access, pidFile, type, clean } = keeping;
  const listening = [process.arch, notices, socket ?? '', access];
  const settings = [group ?? '', limits.join(' '), execution.umask, execution.ignoreSigpipe ? 'IGNORE' : 'DEFAULT'];
  const running = [record, journal, ...settings, identity, pidFile, type, clean];
  return [perlPath(), [script, ...listening, ...running, ...execution.argv]] as const;
}

interface Outcome {
  mainPid: number | null;
  /** The status that the shell's exec ended with. */
  failure: string | null;
}

/** Listens to what the shim says (see `shim.ts`) until its child has become the command, or has not. */
async function untilExecuted(channel: Readable, clock: Clock): Promise<Outcome> {
  let said = '';
  channel.on('data', (chunk: Buffer) => {
    said += chunk;
  });
  await Promise.race([once(channel, 'data'), once(channel, 'close')]);
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, 50)) {
    const [, pid, failure] = /^(?:(\d+)\n)?(?:failed (\d+)\n)?/.exec(said) ?? [];
    const outcome = { mainPid: pid === undefined ? null : Number(pid), failure: failure ?? null };
    const executed = outcome.mainPid !== null && hasExecuted(outcome.mainPid);
    if (executed || outcome.failure !== null || channel.closed) return outcome;
    // Between fork and exec: microseconds, or longer on a machine that is busy and must not be made busier.
    await delay(clock, waitMs);
  }
}

async function whyNotExecuted(record: string, execution: Execution, failure: string | null): Promise<string> {
  const program = execution.argv[0];
  // POSIX: what a shell's exec ends with.
  if (failure === '127') return `${program}: no such file, or none that its first line (#!) names`;
  if (failure === '126') return `${program}: cannot be executed: permission denied, or not a program`;
  const said = (await readRecord(record))?.said;
  return `${program}: the shim could not start it${said ? `: ${said}` : ` (is there space for ${record}?)`}`;
}
