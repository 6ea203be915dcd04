/** The Exec lines of a service as commands, those of docker understood as what they ask of the engine. */
import { parseCommandLine } from './commandLine.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { parseDockerCommand } from './dockerCommand.ts';
import { baseName } from './paths.ts';
import type { Specifiers } from './specifiers.ts';
import type { UnitOption } from './unitFile.ts';
import type { ExecCommand, Resources, ServiceSpec } from './unitSpec.ts';

type ExecLines = Pick<
  ServiceSpec,
  'execCondition' | 'execStartPre' | 'execStart' | 'execStartPost' | 'execReload' | 'execStop' | 'execStopPost'
>;

/** `understandDocker`: false where the commands run inside an image of their own. */
export function readExecLines(reader: DirectiveReader, specifiers: Specifiers, understandDocker: boolean): ExecLines {
  const read = (name: string) =>
    reader.list('Service', name).flatMap((option) => readLine(reader, option, specifiers, understandDocker));
  return {
    execCondition: read('ExecCondition'),
    execStartPre: read('ExecStartPre'),
    execStart: read('ExecStart'),
    execStartPost: read('ExecStartPost'),
    execReload: read('ExecReload'),
    execStop: read('ExecStop'),
    execStopPost: read('ExecStopPost'),
  };
}

function readLine(
  reader: DirectiveReader,
  option: UnitOption,
  specifiers: Specifiers,
  understandDocker: boolean,
): ExecCommand[] {
  const { commands, problems } = parseCommandLine(option.value, specifiers);
  reader.adopt(option, problems);
  return commands.map((command) => (understandDocker ? withDocker(reader, option, command) : command));
}

function withDocker(reader: DirectiveReader, option: UnitOption, command: ExecCommand): ExecCommand {
  if (baseName(command.path) !== 'docker') return command;
  const { command: docker, problems } = parseDockerCommand(['docker', ...command.argv.slice(1)]);
  reader.adopt(
    option,
    problems.map((message) => ({ severity: 'error', message })),
  );
  if (docker === null) return command;
  if (option.name === 'ExecStart' && docker.verb === 'run' && docker.detach) {
    reader.warn(option, 'detaches: leave out -d, so that the unit lives as long as its container');
  }
  return { ...command, docker };
}

export function allCommands(lines: ExecLines): ExecCommand[] {
  const { execCondition, execStartPre, execStart, execStartPost, execReload, execStop, execStopPost } = lines;
  return [execCondition, execStartPre, execStart, execStartPost, execReload, execStop, execStopPost].flat();
}

/** What the containers of the main commands reserve: of several, which run one after the other, the largest. */
export function reservedByContainers(commands: readonly ExecCommand[]): Resources {
  const reserved = commands.flatMap(({ docker }) => (docker?.verb === 'run' ? [docker.resources] : []));
  const memory = reserved.flatMap(({ memoryBytes }) => memoryBytes ?? []);
  const cpus = reserved.flatMap(({ cpus }) => cpus ?? []);
  return {
    ...(memory.length > 0 ? { memoryBytes: Math.max(...memory) } : {}),
    ...(cpus.length > 0 ? { cpus: Math.max(...cpus) } : {}),
  };
}
