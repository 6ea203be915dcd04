/** What a unit's command becomes at the engine: the create body of its container. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type DockerCommand, parseDockerCommand } from '../../../../shared/domain/dockerCommand.ts';
import { splitOnce } from '../../../../shared/domain/dockerOptions.ts';
import { type CreateBody, type DockerRun, lastOfEach } from '../../../../shared/domain/dockerRun.ts';
import { directoryKinds } from '../../../../shared/domain/serviceDirectories.ts';
import { limitsOfImageUnit } from '../../policy/containerLimits.ts';
import { sandboxOf } from '../../policy/containerSandbox.ts';
import { storeVariables } from '../../unitEnvironment.ts';
import { type RunRequest, StartError } from '../runtime.ts';
import { readWhole } from '../whole.ts';
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
  // What the unit was given on the machine is at the same place in the container.
  const given = directoryKinds.flatMap((kind) => {
    const paths = environment[`${kind.toUpperCase()}_DIRECTORY`]?.split(':') ?? [];
    return service.directories[kind] ? paths : [];
  });
  const body: CreateBody = {
    Image: image,
    Entrypoint: [command.path],
    Cmd: command.argv.slice(1),
    // A name alone takes the image's own value away.
    Env: [
      ...service.unsetEnvironment.filter((entry) => !entry.includes('=') && environment[entry] === undefined),
      ...Object.entries(environment).map(([name, value]) => `${name}=${value}`),
    ],
    ...(user === '' || command.privileged ? {} : { User: user }),
    ...(service.workingDirectory ? { WorkingDir: service.workingDirectory.path } : {}),
    // The kernel ignores SIGTERM for a first process that does not ask for it; behind an init the command is no first process.
    HostConfig: {
      ...(init ? { Init: true } : {}),
      ...limitsOfImageUnit(service, readWhole()),
      ...(service.sandbox === undefined ? {} : sandboxOf(service.sandbox, given, existsSync)),
      ...(given.length > 0 ? { Binds: given.map((path) => `${path}:${path}`) } : {}),
    },
  };
  return {
    verb: 'run',
    image,
    body,
    envFiles: [],
    labelFiles: [],
    detach: false,
    remove: true,
    pull: service.pull ?? 'missing',
    resources: {},
  };
}

export interface Marks {
  machine: string;
  node: string;
  cluster?: string | undefined;
  unit: string;
  kind: ContainerKind;
  hash?: string;
  token?: number;
  invocation?: string | undefined;
  notify?: string | null;
}

/**
 * The body as the engine gets it: with marks, with the variables that come from the command's environment, and without
 * what only makes sense where a client is attached.
 * @throws {StartError} a file that it names cannot be read.
 */
export async function finishBody(
  run: DockerRun,
  environment: Readonly<Record<string, string>>,
  marks: Marks,
): Promise<CreateBody> {
  const fromFiles = await readEnvFiles(run.envFiles, environment);
  const securityOpt = await readSecurityOptions(run);
  const given = storeVariables.filter((name) => environment[name] !== undefined);
  const env = resolveEnv(lastOfEach([...given, ...fromFiles, ...(run.body.Env ?? [])]), environment);
  const { AutoRemove: _ownRemoval, ...host } = run.body.HostConfig;
  const { OpenStdin, StdinOnce: _noClient, ...rest } = run.body;
  return {
    ...rest,
    ...(env.length > 0 ? { Env: env } : {}),
    // Under systemd the docker command has an empty input; an input kept open that nobody feeds would never end.
    ...(OpenStdin && (run.detach || run.body.Tty) ? { OpenStdin } : {}),
    Labels: { ...(await readLabels(run)), ...run.body.Labels, ...labelsOf(run, marks) },
    HostConfig: securityOpt.length > 0 ? { ...host, SecurityOpt: securityOpt } : host,
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
    ...(marks.invocation === undefined ? {} : { [labelKeys.invocation]: marks.invocation }),
    ...(marks.notify == null ? {} : { [labelKeys.notify]: marks.notify }),
    ...(run.remove ? { [labelKeys.disposable]: 'true' } : {}),
  };
}

/** `NAME` without a value takes it from the environment; where that has none, the image's own value is unset. */
export function resolveEnv(entries: readonly string[], environment: Readonly<Record<string, string>>): string[] {
  return entries.map((entry) => {
    const value = entry.includes('=') ? undefined : environment[entry];
    return value === undefined ? entry : `${entry}=${value}`;
  });
}

/**
 * A name without a value is left out where the environment has none, as with the docker command; `--env` would keep it.
 * @throws {StartError}
 */
export async function readEnvFiles(
  paths: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<string[]> {
  const texts = await Promise.all(paths.map((path) => readNamedFile('--env-file', path)));
  return resolveEnv(texts.flatMap(parseEnvFile), environment).filter((entry) => entry.includes('='));
}

/** A name without a value is left out, as with the docker command. */
async function readLabels({ labelFiles }: DockerRun): Promise<Record<string, string>> {
  const texts = await Promise.all(labelFiles.map((path) => readNamedFile('--label-file', path)));
  return Object.fromEntries(
    texts.flatMap(parseEnvFile).flatMap((line) => {
      const [key, value] = splitOnce(line, '=');
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** A profile goes to the engine whole: it may be on another machine. */
async function readSecurityOptions({ body, seccompFile }: DockerRun): Promise<string[]> {
  const options = body.HostConfig.SecurityOpt ?? [];
  if (seccompFile === undefined) return options;
  const text = await readNamedFile('--security-opt seccomp', seccompFile);
  try {
    return [...options, `seccomp=${JSON.stringify(JSON.parse(text))}`];
  } catch (cause) {
    throw new StartError(`--security-opt: the seccomp profile ${seccompFile} is no JSON`, { cause });
  }
}

async function readNamedFile(option: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new StartError(`${option}: ${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, {
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
