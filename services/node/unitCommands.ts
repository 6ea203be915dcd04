import { substituteVariables } from '../../shared/domain/commandLine.ts';
import type { ExecCommand, ServiceSpec } from '../../shared/domain/unitSpec.ts';
import { type Exit, type Runtime, StartError } from './runtime/runtime.ts';

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
  /** A command of the list failed: its line, and how. */
  | { ok: false; line: string; exit: Exit | null; message: string };

export interface CommandList {
  unit: string;
  service: ServiceSpec;
  commands: readonly ExecCommand[];
  environment: Record<string, string>;
  runtimes: Runtimes;
}

/** Runs control commands one after the other; the first that fails (without `-` before it) ends the list. */
export async function runCommands(list: CommandList, signal: AbortSignal): Promise<CommandsOutcome> {
  for (const command of list.commands) {
    const outcome = await runCommand(list, command, signal);
    if (!outcome.ok && !command.ignoreFailure) return outcome;
    if (signal.aborted) return { ok: false, line: command.line, exit: null, message: 'aborted' };
  }
  return { ok: true };
}

async function runCommand(list: CommandList, command: ExecCommand, signal: AbortSignal): Promise<CommandsOutcome> {
  const { unit, service, environment, runtimes } = list;
  try {
    const runtime = runtimeFor(runtimes, service, command);
    const exit = await runtime.run(
      { unit, service, environment, command: resolveCommand(command, environment) },
      signal,
    );
    if (exit.kind === 'exited' && exit.code === 0) return { ok: true };
    return { ok: false, line: command.line, exit, message: `${command.line}: ${describeExit(exit)}` };
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    return { ok: false, line: command.line, exit: null, message: error.message };
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
