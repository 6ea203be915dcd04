/**
 * Reads a docker command line, as it stands in an Exec line of a unit, into what it asks of a Docker engine. Nothing is
 * executed here: the scheduler uses it to refuse bad lines when a unit is submitted, the node to obey good ones.
 * Source: docker(1) and the manual pages of its commands.
 */
import { type DockerRequests, objectVerbs } from './dockerObjects.ts';
import {
  type DockerOptions,
  flagOption,
  parsedOption,
  refusedOption,
  scanOptions,
  textOption,
} from './dockerOptions.ts';
import { type DockerRun, parseRun } from './dockerRun.ts';
import { runOptions } from './dockerRunOptions.ts';
import { isImageReference, parseInteger } from './dockerValues.ts';

export type DockerCommand =
  | DockerRun
  | { verb: 'pull'; image: string; platform?: string }
  | { verb: 'kill'; containers: string[]; signal: string }
  | { verb: 'rm'; containers: string[]; force: boolean; volumes: boolean }
  | { verb: 'stop' | 'restart'; containers: string[]; timeoutSec?: number; signal?: string }
  /** `attach`: it ends when the containers end. */
  | { verb: 'start'; containers: string[]; attach: boolean }
  | { verb: 'wait' | 'pause' | 'unpause'; containers: string[] }
  | DockerExec
  | DockerRequests;

export interface DockerExec {
  verb: 'exec';
  container: string;
  argv: string[];
  /** `NAME=value`, or `NAME` alone: its value is taken from the environment of the docker command. */
  env: string[];
  /** Files of the machine, whose variables come before those of `env`. */
  envFiles: string[];
  user?: string;
  workingDir?: string;
  tty: boolean;
  privileged: boolean;
  detach: boolean;
}

export interface DockerCommandResult {
  /** Null when there are problems. */
  command: DockerCommand | null;
  /** Everything that is wrong, each with what to do about it. */
  problems: string[];
}

/**
 * Reads `argv` (its first word is the path of docker). Options of `run` may also stand before the verb:
 * `docker --name redis run image`.
 *
 * A value with a systemd variable in it (`-p $PORT:80`) is not looked at, as its text is not known yet, and is missing in
 * the command; pass `substituted` once the variables are in.
 */
export function parseDockerCommand(
  argv: readonly string[],
  { substituted = false }: { substituted?: boolean } = {},
): DockerCommandResult {
  const { verb, before, after, problems } = splitAtVerb(argv.slice(1));
  if (verb === undefined) return refuse(...problems, 'docker needs a verb, such as run');
  const parser = parserOf(verb);
  if (!parser) return refuse(...problems, unknownVerb(verb, before));
  if (before.length > 0 && verb !== 'run') {
    problems.push(`docker: ${before[0]} before the verb belongs to docker run, not to docker ${verb}`);
  }
  const parsed = parser(verb === 'run' ? [...before, ...after] : after, !substituted);
  const all = [...problems, ...parsed.problems];
  return { command: all.length > 0 ? null : parsed.command, problems: all };
}

function parserOf(verb: string): Parser | undefined {
  if (Object.hasOwn(parsers, verb)) return parsers[verb];
  return Object.hasOwn(objectVerbs, verb) ? objectVerbs[verb]?.parse : undefined;
}

function refuse(...problems: string[]): DockerCommandResult {
  return { command: null, problems };
}

function unknownVerb(verb: string, before: readonly string[]): string {
  const known = Object.hasOwn(refusedVerbs, verb) ? refusedVerbs[verb] : undefined;
  const words = ['docker', ...before, verb].join(' ');
  return known ?? `${words} is not understood; Flotilla knows ${knownVerbs.join(', ')}`;
}

const looking = 'it shows something to a person; flotilla status and flotilla journal do that';

/** Verbs that are known and have no place in a unit, each with what to do instead. */
export const refusedVerbs: Readonly<Record<string, string>> = {
  create: 'docker create makes a container that nobody starts; write `docker run` in ExecStart=, which does both',
  build: 'docker build has no place in a unit; build the image beforehand and name it in `docker run`',
  compose: 'docker compose starts containers that Flotilla does not see; write one unit for each container',
  login:
    'docker login would leave a password in the unit: run it once on the machine, as the user of the node; its file, or the one that `flotilla node --registry-auth` names, is used for every pull',
  logout: 'docker logout has nothing to undo: credentials stand in the configuration file on the node',
  push: 'docker push has no place in a unit; push the image beforehand',
  logs: `docker logs: ${looking}`,
  ps: `docker ps: ${looking}`,
  attach: 'docker attach needs a terminal; use docker start -a in ExecStart=',
  cp: 'docker cp copies files of the machine: mount them with --volume or --mount',
  rename: 'docker rename takes a container away from its unit; name it with --name',
  update: 'docker update changes what is running behind the unit: write the limits into its docker run',
  commit: 'docker commit has no place in a unit; build the image beforehand',
  load: 'docker load reads a file that the node does not; load the image beforehand, or pull it',
  save: 'docker save has no place in a unit',
  swarm: 'a swarm places containers that Flotilla does not see',
  service: 'services of a swarm are none of Flotilla’s; write one unit for each container',
  stack: 'stacks of a swarm are none of Flotilla’s; write one unit for each container',
};

interface Split {
  verb: string | undefined;
  /** Options of `run` that stood before the verb. */
  before: string[];
  after: string[];
  problems: string[];
}

const elsewhere = 'a node talks to the engine of its own machine; start the node with DOCKER_HOST to use another';
const globalOptions: Readonly<Record<string, { flag: boolean; refusal?: string }>> = {
  '--debug': { flag: true },
  '-D': { flag: true },
  '--log-level': { flag: false },
  '--host': { flag: false, refusal: elsewhere },
  '-H': { flag: false, refusal: elsewhere },
  '--context': { flag: false, refusal: elsewhere },
  '--config': { flag: false, refusal: 'name a file with credentials with flotilla node --registry-auth' },
};

/**
 * Finds the verb. Of the short options that mean one thing to docker and another to `docker run` (`-c`, `-l`, `-v`), the
 * latter is meant: nobody asks for docker's version in a unit.
 */
function splitAtVerb(words: readonly string[]): Split {
  const split: Split = { verb: undefined, before: [], after: [], problems: [] };
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const [name = '', glued] = word.split(/=(.*)/s);
    const global = Object.hasOwn(globalOptions, name) ? globalOptions[name] : undefined;
    if (global) {
      if (global.refusal) split.problems.push(`docker: ${name}: ${global.refusal}`);
      if (!global.flag && glued === undefined) queue.shift();
    } else if (word.startsWith('-')) {
      split.before.push(word);
      if (takesNextWord(word)) split.before.push(...queue.splice(0, 1));
    } else {
      return { ...split, ...nameVerb(word, queue) };
    }
  }
  return split;
}

/** True for `--name`, `-v`, `-itv`; false for `--name=x`, `-vx`, `--rm`. An unknown option is taken for a flag. */
function takesNextWord(word: string): boolean {
  if (word.includes('=')) return false;
  if (word.startsWith('--')) {
    const option = runOptions[word.slice(2)];
    return option !== undefined && option.flag !== true;
  }
  const byLetter = (letter: string) => Object.values(runOptions).find((option) => option.short === letter);
  const letters = [...word.slice(1)];
  const valued = letters.findIndex((letter) => byLetter(letter)?.flag !== true);
  return valued === letters.length - 1 && byLetter(letters[valued] ?? '') !== undefined;
}

/** `docker container run` and `docker image rm` are the long spellings of `run` and `rmi`. */
const spellings: Readonly<Record<string, string>> = {
  'container ls': 'ps',
  'container list': 'ps',
  'container remove': 'rm',
  'image pull': 'pull',
  'image push': 'push',
  'image rm': 'rmi',
  'image remove': 'rmi',
  'network remove': 'network rm',
  'volume remove': 'volume rm',
};

function nameVerb(word: string, queue: string[]): { verb: string | undefined; after: string[] } {
  const [next, ...rest] = queue;
  if (next === undefined || !/^(container|image|network|volume)$/.test(word)) return { verb: word, after: queue };
  const words = `${word} ${next}`;
  const plain = Object.hasOwn(spellings, words) ? spellings[words] : undefined;
  if (plain !== undefined) return { verb: plain, after: rest };
  if (word === 'container') return { verb: next, after: rest };
  return { verb: words, after: rest };
}

type Parser = (args: readonly string[], skipVariables: boolean) => DockerCommandResult;

/** The options of the verbs that act on containers. */
export const verbOptions = (): Readonly<Record<string, DockerOptions<never>>> => ({
  run: runOptions,
  pull: pullOptions,
  kill: { signal },
  rm: rmOptions,
  stop: stopOptions,
  restart: stopOptions,
  start: startOptions,
  exec: execOptions,
  wait: {},
  pause: {},
  unpause: {},
  ...Object.fromEntries(Object.entries(objectVerbs).map(([name, { options }]) => [name, options])),
});

const parsers: Readonly<Record<string, Parser>> = {
  run: parseRun,
  pull: parsePull,
  kill: parseKill,
  rm: parseRm,
  stop: (args, skip) => parseStop('stop', args, skip),
  restart: (args, skip) => parseStop('restart', args, skip),
  start: parseStart,
  exec: parseExec,
  wait: (args, skip) => parsePlain('wait', args, skip),
  pause: (args, skip) => parsePlain('pause', args, skip),
  unpause: (args, skip) => parsePlain('unpause', args, skip),
};

interface PullDraft {
  platform?: string;
}

const quietly = 'flotilla start and flotilla status tell how far a pull is';

const pullOptions: DockerOptions<PullDraft> = {
  'all-tags': { ...refusedOption('name the tags that are needed, one `docker pull` each'), flag: true, short: 'a' },
  'disable-content-trust': {
    flag: true,
    refused: 'signatures of images are not looked at: name an image by its digest (image@sha256:…)',
    apply: (_draft, value) =>
      value === 'true'
        ? undefined
        : 'signatures of images are not looked at: name an image by its digest (image@sha256:…)',
  },
  platform: textOption((draft, value) => {
    if (value !== '') draft.platform = value;
  }),
  quiet: { ...flagOption<PullDraft>(() => undefined, 'q'), ignored: quietly },
};

function parsePull(args: readonly string[], skipVariables: boolean): DockerCommandResult {
  const draft: PullDraft = {};
  const settings = { options: pullOptions, draft, interspersed: true, command: 'docker pull', skipVariables };
  const { words, problems } = scanOptions(args, settings);
  const [image = '', ...others] = words;
  if (image === '' || others.length > 0) problems.push('docker pull needs the name of one image');
  else if (!isImageReference(image) && !(skipVariables && image.includes('$'))) {
    problems.push(`docker pull: ${JSON.stringify(image)} is not the name of an image`);
  }
  return { command: { verb: 'pull', image, ...draft }, problems };
}

interface ContainersDraft {
  signal?: string;
  timeoutSec?: number;
  force: boolean;
  volumes: boolean;
  attach: boolean;
}

/** Reads the options and at least one container's name. */
function scanContainers(
  verb: string,
  options: DockerOptions<ContainersDraft>,
  args: readonly string[],
  skipVariables: boolean,
): { draft: ContainersDraft; containers: string[]; problems: string[] } {
  const draft: ContainersDraft = { force: false, volumes: false, attach: false };
  const command = `docker ${verb}`;
  const { words, problems } = scanOptions(args, { options, draft, interspersed: true, command, skipVariables });
  if (words.length === 0) problems.push(`${command} needs the name of a container`);
  return { draft, containers: words, problems };
}

const signal = textOption<ContainersDraft>((draft, value) => {
  draft.signal = value;
}, 's');

function parseKill(args: readonly string[], skipVariables: boolean): DockerCommandResult {
  const { draft, containers, problems } = scanContainers('kill', { signal }, args, skipVariables);
  return { command: { verb: 'kill', containers, signal: draft.signal ?? 'SIGKILL' }, problems };
}

const rmOptions: DockerOptions<ContainersDraft> = {
  force: flagOption((draft, value) => {
    draft.force = value;
  }, 'f'),
  link: {
    ...refusedOption('links belong to the container: write them with --link of docker run'),
    flag: true,
    short: 'l',
  },
  volumes: flagOption((draft, value) => {
    draft.volumes = value;
  }, 'v'),
};

function parsePlain(
  verb: 'wait' | 'pause' | 'unpause',
  args: readonly string[],
  skipVariables: boolean,
): DockerCommandResult {
  const { containers, problems } = scanContainers(verb, {}, args, skipVariables);
  return { command: { verb, containers }, problems };
}

function parseRm(args: readonly string[], skipVariables: boolean): DockerCommandResult {
  const { draft, containers, problems } = scanContainers('rm', rmOptions, args, skipVariables);
  return { command: { verb: 'rm', containers, force: draft.force, volumes: draft.volumes }, problems };
}

const timeout = (short?: string) =>
  parsedOption<ContainersDraft, number>(
    parseInteger,
    'a number of seconds',
    (draft, value) => {
      draft.timeoutSec = value;
    },
    short,
  );

const stopOptions: DockerOptions<ContainersDraft> = { signal, timeout: timeout('t'), time: timeout() };
const noTerminal = 'nobody attaches to a unit’s container';

function parseStop(verb: 'stop' | 'restart', args: readonly string[], skipVariables: boolean): DockerCommandResult {
  const { draft, containers, problems } = scanContainers(verb, stopOptions, args, skipVariables);
  const { timeoutSec, signal } = draft;
  const command: DockerCommand = {
    verb,
    containers,
    ...(timeoutSec === undefined ? {} : { timeoutSec }),
    ...(signal === undefined ? {} : { signal }),
  };
  return { command, problems };
}

const startOptions: DockerOptions<ContainersDraft> = {
  attach: flagOption((draft, value) => {
    draft.attach = value;
  }, 'a'),
  'detach-keys': { ...textOption<ContainersDraft>(() => undefined), ignored: noTerminal },
  interactive: { ...flagOption<ContainersDraft>(() => undefined, 'i'), ignored: noTerminal },
};

function parseStart(args: readonly string[], skipVariables: boolean): DockerCommandResult {
  const { draft, containers, problems } = scanContainers('start', startOptions, args, skipVariables);
  return { command: { verb: 'start', containers, attach: draft.attach }, problems };
}

type ExecDraft = Omit<DockerExec, 'verb' | 'container' | 'argv'>;

const execOptions: DockerOptions<ExecDraft> = {
  detach: flagOption((draft, value) => {
    draft.detach = value;
  }, 'd'),
  'detach-keys': { ...textOption<ExecDraft>(() => undefined), ignored: noTerminal },
  env: textOption((draft, value) => draft.env.push(value), 'e'),
  'env-file': parsedOption(
    (text) => (text.startsWith('/') ? text : null),
    'an absolute path',
    (draft, value) => draft.envFiles.push(value),
  ),
  interactive: { ...flagOption<ExecDraft>(() => undefined, 'i'), ignored: noTerminal },
  privileged: flagOption((draft, value) => {
    draft.privileged = value;
  }),
  tty: flagOption((draft, value) => {
    draft.tty = value;
  }, 't'),
  user: textOption((draft, value) => {
    draft.user = value;
  }, 'u'),
  workdir: textOption((draft, value) => {
    draft.workingDir = value;
  }, 'w'),
};

function parseExec(args: readonly string[], skipVariables: boolean): DockerCommandResult {
  const draft: ExecDraft = { env: [], envFiles: [], tty: false, privileged: false, detach: false };
  const { words, problems } = scanOptions(args, {
    options: execOptions,
    draft,
    command: 'docker exec',
    skipVariables,
  });
  const [container = '', ...argv] = words;
  if (argv.length === 0) problems.push('docker exec needs the name of a container and a command');
  return { command: { verb: 'exec', container, argv, ...draft }, problems };
}

/** Verbs that are understood. */
export const knownVerbs: readonly string[] = [...Object.keys(parsers), ...Object.keys(objectVerbs)];
