import { type Clock, delay } from '../../shared/clock/clock.ts';
import { LinkedController } from '../../shared/clock/linkedController.ts';
import { substituteVariables } from '../../shared/domain/commandLine.ts';
import type { ExecCommand, ServiceSpec } from '../../shared/domain/unitSpec.ts';
import type { CommandDirective, EndedCommands } from './endedCommands.ts';
import { isCleanExit } from './policy/restart.ts';
import { type Exit, exitOfFailedStart, type RunRequest, type Runtime, StartError } from './runtime/runtime.ts';

/** The runtimes of this machine; each command goes to the one that it needs. */
export interface Runtimes {
  process: Runtime;
  docker: Runtime | null;
}

/** The runtime of a command: docker for docker lines and for units with `Image=`. */
export function runtimeFor(runtimes: Runtimes, service: ServiceSpec, command: ExecCommand): Runtime {
  if (service.image === undefined && !command.docker) return runtimes.process;
  if (runtimes.docker) return runtimes.docker;
  throw new StartError(`this machine has no Docker engine, which ${command.line} needs`);
}

/** The command with the variables of its environment put in. */
export function resolveCommand(command: ExecCommand, environment: Record<string, string>): ExecCommand {
  if (command.literalVariables) return command;
  return { ...command, argv: substituteVariables(command.argv, environment) };
}

export type CommandsOutcome =
  | { ok: true }
  /** A command failed. `exit` is null where it could not be started, or did not end in time. */
  | { ok: false; exit: Exit | null; timedOut: boolean; message: string };

export interface CommandList {
  directive: CommandDirective;
  unit: string;
  service: ServiceSpec;
  commands: readonly ExecCommand[];
  environment: Record<string, string>;
  runtimes: Runtimes;
  clock: Clock;
  /** Commands that have not ended, also those that were aborted; for the time of each, it is in here. */
  running: Set<Promise<void>>;
  /** What has ended is noted there. */
  ended: EndedCommands;
  /** What each command has, ms; null: as long as it takes. */
  timeoutMs: number | null;
}

/**
 * Runs control commands one after the other, until one fails (without `-` before it) or takes too long: systemd.service(5),
 * "ExecStartPre=", "ExecStop=", "TimeoutStopSec=".
 */
export async function runCommands(list: CommandList, signal: AbortSignal): Promise<CommandsOutcome> {
  for (const command of list.commands) {
    if (signal.aborted) return failure('aborted', null);
    const outcome = await runCommand(list, command, signal);
    if (!outcome.ok && (outcome.timedOut || !command.ignoreFailure)) return outcome;
  }
  return { ok: true };
}

async function runCommand(list: CommandList, command: ExecCommand, signal: AbortSignal): Promise<CommandsOutcome> {
  const { unit, service, environment, runtimes } = list;
  const request = { unit, service, environment, command: resolveCommand(command, environment) };
  try {
    const runtime = runtimeFor(runtimes, service, command);
    const exit = await within(list, signal, (abort) => tracked(list.running, runNoted(list, runtime, request, abort)));
    if (exit === 'timeout') {
      return {
        ok: false,
        exit: null,
        timedOut: true,
        message: `${command.line}: not done within ${list.timeoutMs} ms`,
      };
    }
    return isCleanExit(service, exit) ? { ok: true } : failure(`${command.line}: ${describeExit(exit)}`, exit);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const exit = exitOfFailedStart(error);
    if (exit) list.ended.note(list.directive, { line: command.line, exit });
    return failure(error.message, exit);
  }
}

async function runNoted(
  { directive, ended }: CommandList,
  runtime: Runtime,
  request: RunRequest,
  abort: AbortSignal,
): Promise<Exit> {
  let pid: number | undefined;
  const exit = await runtime.run({ ...request, onProcess: (of) => (pid = of) }, abort);
  ended.note(directive, { line: request.command.line, pid, exit });
  return exit;
}

function failure(message: string, exit: Exit | null): CommandsOutcome {
  return { ok: false, exit, timedOut: false, message };
}

function tracked<T>(running: Set<Promise<void>>, work: Promise<T>): Promise<T> {
  const forget = () => void running.delete(ended);
  const ended = work.then(forget, forget);
  running.add(ended);
  return work;
}

/** Lets `work` run for the time that a command of the list has, or until `signal` aborts; then it is told to abort. */
async function within<T>(
  { clock, timeoutMs }: CommandList,
  signal: AbortSignal,
  work: (abort: AbortSignal) => Promise<T>,
): Promise<T | 'timeout'> {
  if (timeoutMs === null) return work(signal);
  const late = new LinkedController(signal);
  const done = new AbortController();
  const timer = delay(clock, timeoutMs, done.signal).then((): 'timeout' => {
    late.abort();
    return 'timeout';
  });
  try {
    return await Promise.race([work(late.signal), timer]);
  } finally {
    done.abort();
    late.abort();
  }
}

export function describeExit(exit: Exit): string {
  switch (exit.kind) {
    case 'exited':
      return `exited with status ${exit.code}`;
    case 'killed':
      return `killed by ${exit.signal}`;
    case 'lost':
      return exit.reason;
    default:
      return exit satisfies never;
  }
}
