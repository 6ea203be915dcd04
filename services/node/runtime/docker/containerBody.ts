/** What a unit's command becomes at the engine: the create body of its container. */
import { readFile } from 'node:fs/promises';
import { type DockerCommand, parseDockerCommand } from '../../../../shared/domain/dockerCommand.ts';
import type { CreateBody, DockerRun } from '../../../../shared/domain/dockerRun.ts';
import { storeVariables } from '../../unitEnvironment.ts';
import { type RunRequest, StartError } from '../runtime.ts';
import { type ContainerKind, labelKeys } from './labels.ts';

/** The docker command line of a request whose variables are already in. */
export function dockerCommandOf(request: RunRequest): DockerCommand {
  const { command, problems } = parseDockerCommand(request.command.argv, { substituted: true });
  if (command === null) throw new StartError(`${request.command.line}: ${problems.join('; ')}`);
  return command;
}

/** The `docker run` that `[X-Flotilla] Image=` stands for: the command, in a container, as systemd.exec(5) would run it. */
export function runInImage(request: RunRequest, image: string, init: boolean): DockerRun {
  const { command, service, environment } = request;
  const user = [service.user ?? '', service.group].filter((part) => part !== undefined).join(':');
  const body: CreateBody = {
    Image: image,
    Entrypoint: [command.path],
    Cmd: command.argv.slice(1),
    Env: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ...(user === '' || command.privileged ? {} : { User: user }),
    ...(service.workingDirectory ? { WorkingDir: service.workingDirectory.path } : {}),
    // The kernel ignores SIGTERM for a first process that does not ask for it; behind an init the command is no first process.
    HostConfig: init ? { Init: true } : {},
  };
  return { verb: 'run', image, body, envFiles: [], detach: false, remove: true, pull: 'missing', resources: {} };
}

export interface Marks {
  machine: string;
  node: string;
  cluster?: string | undefined;
  unit: string;
  kind: ContainerKind;
  hash?: string;
  token?: number;
}

/**
 * The body as the engine gets it: with marks, with the variables that come from the command's environment, and without
 * what only makes sense where a client is attached.
 * @throws {StartError} an `--env-file` cannot be read.
 */
export async function finishBody(
  run: DockerRun,
  environment: Readonly<Record<string, string>>,
  marks: Marks,
): Promise<CreateBody> {
  const fromFiles = await Promise.all(run.envFiles.map(readEnvFile));
  const given = storeVariables.filter((name) => environment[name] !== undefined);
  const env = resolveEnv(lastOfEach([...given, ...fromFiles.flat(), ...(run.body.Env ?? [])]), environment);
  const { AutoRemove: _ownRemoval, ...host } = run.body.HostConfig;
  const { OpenStdin, StdinOnce: _noClient, ...rest } = run.body;
  return {
    ...rest,
    ...(env.length > 0 ? { Env: env } : {}),
    // Under systemd the docker command has an empty input; an input kept open that nobody feeds would never end.
    ...(OpenStdin && (run.detach || run.body.Tty) ? { OpenStdin } : {}),
    Labels: { ...run.body.Labels, ...labelsOf(run, marks) },
    HostConfig: host,
  };
}

function labelsOf(run: DockerRun, marks: Marks): Record<string, string> {
  return {
    [labelKeys.machine]: marks.machine,
    [labelKeys.node]: marks.node,
    ...(marks.cluster === undefined ? {} : { [labelKeys.cluster]: marks.cluster }),
    [labelKeys.unit]: marks.unit,
    [labelKeys.kind]: marks.kind,
    ...(marks.hash === undefined ? {} : { [labelKeys.hash]: marks.hash }),
    ...(marks.token === undefined ? {} : { [labelKeys.token]: String(marks.token) }),
    ...(run.remove ? { [labelKeys.disposable]: 'true' } : {}),
  };
}

/** Of a variable that is given several times the last one counts, as with the docker command; a program would take the first. */
function lastOfEach(entries: readonly string[]): string[] {
  return [...new Map(entries.map((entry) => [entry.split('=', 1)[0], entry])).values()];
}

/** `NAME` without a value takes it from the environment; where that has none, the image's own value is unset. */
export function resolveEnv(entries: readonly string[], environment: Readonly<Record<string, string>>): string[] {
  return entries.map((entry) => {
    const value = entry.includes('=') ? undefined : environment[entry];
    return value === undefined ? entry : `${entry}=${value}`;
  });
}

async function readEnvFile(path: string): Promise<string[]> {
  try {
    return parseEnvFile(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new StartError(`--env-file: ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
  }
}

/** One variable a line; empty lines and lines that begin with `#` are nothing. Source: docker-run(1), --env-file. */
export function parseEnvFile(text: string): string[] {
  return text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}
