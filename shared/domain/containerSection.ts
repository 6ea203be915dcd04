/**
 * `[Container]` for people who write no docker line (podman-systemd.unit(5)): its directives become one `docker run`,
 * which is then read like any other. What docker has against one of them is said at its line.
 */
import { type ContainerOption, containerOptions } from './containerDirectives.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { parseDockerCommand } from './dockerCommand.ts';
import type { UnitOption } from './unitFile.ts';
import type { ExecCommand } from './unitSpec.ts';
import { parseBoolean } from './values.ts';

const section = 'Container';

/** Whether the unit says by such a section what to run. */
export function hasContainer(reader: DirectiveReader): boolean {
  return reader.hasSection(section);
}

/** The command that the section stands for, as the unit's only one; none where something is wrong, which the reader has. */
export function readContainer(reader: DirectiveReader): ExecCommand[] {
  for (const option of [...reader.list('Service', 'ExecStart'), ...reader.list('X-Flotilla', 'Image')]) {
    reader.fail(option, 'stands beside [Container], which says what to run: leave one of them out');
  }
  const command = readCommand(reader);
  return command === null ? [] : [command];
}

function readCommand(reader: DirectiveReader): ExecCommand | null {
  const image = reader.text(section, 'Image');
  if (image === undefined) {
    reader.report('error', undefined, 'there is no Image= in [Container]: say what to run, such as Image=redis:7');
    return null;
  }
  refuseOtherFiles(reader);
  const options = Object.entries(containerOptions).flatMap(([name, how]) => readOption(reader, name, how));
  const before = [...options, ...readUser(reader)];
  const args = [...before, ...readOnly(reader, before)];
  check(reader, image.option, [], image.text);
  const argv = ['/usr/bin/docker', 'run', ...args, image.text, ...readExec(reader)];
  const { command: docker, problems } = parseDockerCommand(argv);
  // Each by itself may be right.
  const isSaid = reader.problems.some(({ severity }) => severity === 'error');
  if (!isSaid) for (const message of problems) reader.report('error', undefined, `[Container]: ${message}`);
  if (docker === null) return null;
  const line = argv.join(' ');
  return {
    line,
    path: '/usr/bin/docker',
    argv,
    ignoreFailure: false,
    literalVariables: false,
    privileged: false,
    docker,
  };
}

/** Of several the last one counts, as for Quadlet. */
function readExec(reader: DirectiveReader): string[] {
  const last = reader.last(section, 'Exec');
  const words = reader.words(section, 'Exec', 'lenient');
  return words.filter(({ option }) => option === last).map(({ word }) => word);
}

function readOption(reader: DirectiveReader, name: string, how: ContainerOption): string[] {
  switch (how.form) {
    case 'last': {
      const found = reader.text(section, name);
      if (found === undefined) return [];
      if (name === 'HealthCmd' && found.text === 'none') return ['--no-healthcheck'];
      return checked(reader, found.option, [`--${how.option}=${(how.as ?? same)(found.text)}`]);
    }
    case 'each':
      return reader.list(section, name).flatMap((option) => {
        const value = reader.expand(option, option.value);
        return checked(reader, option, [`--${how.option}=${(how.as ?? same)(value)}`]);
      });
    case 'words':
      return reader
        .words(section, name, 'lenient')
        .flatMap(({ option, word }) => checked(reader, option, [`--${how.option}=${word}`]));
    case 'yes':
      switch (reader.value<boolean | null>(section, name, parseBoolean, null)) {
        case true:
          return how.args;
        case false:
          return how.otherwise ?? [];
        default:
          return [];
      }
    default:
      return how satisfies never;
  }
}

const same = (value: string) => value;

/** `User=` and `Group=` are one option of docker. */
function readUser(reader: DirectiveReader): string[] {
  const user = reader.text(section, 'User');
  const group = reader.text(section, 'Group');
  if (group && !user) reader.fail(group.option, 'needs User=, which docker wants before it');
  if (!user) return [];
  return checked(reader, user.option, [`--user=${user.text}${group ? `:${group.text}` : ''}`]);
}

/** Where podman leaves a read-only container room to write, podman-run(1) `--read-only-tmpfs`. */
const writable = ['/run', '/tmp', '/var/tmp'];

function readOnly(reader: DirectiveReader, others: readonly string[]): string[] {
  if (!reader.value(section, 'ReadOnly', parseBoolean, false)) return [];
  const room = reader.value(section, 'ReadOnlyTmpfs', parseBoolean, true) ? writable : [];
  const isTaken = (path: string) => others.some((arg) => new RegExp(`[:=]${path}($|[:,])`).test(arg));
  return ['--read-only', ...room.filter((path) => !isTaken(path)).map((path) => `--tmpfs=${path}`)];
}

function checked(reader: DirectiveReader, option: UnitOption, args: string[]): string[] {
  check(reader, option, args, 'image');
  return args;
}

/** Only a network of one's own knows them, so that they are right or wrong together with `Network=`. */
const ofNetwork = ['IP', 'IP6', 'NetworkAlias'];

/** What docker has against these options alone. */
function check(reader: DirectiveReader, option: UnitOption, args: readonly string[], image: string): void {
  const networks = ofNetwork.includes(option.name) ? reader.list(section, 'Network') : [];
  const beside = networks.map(({ value }) => `--network=${value}`);
  const of = (all: readonly string[]) => parseDockerCommand(['docker', 'run', ...all, image]).problems;
  // What is wrong with the network by itself is said at its own line.
  const known = new Set(beside.length === 0 ? [] : of(beside));
  const problems = of([...beside, ...args]).filter((message) => !known.has(message));
  reader.adopt(
    option,
    problems.map((message) => ({ severity: 'error', message })),
  );
}

/** Quadlet's other kinds of files, which stand for something that docker makes by a command. */
const otherFiles: readonly [names: string[], suffix: RegExp, instead: string][] = [
  [['Network'], /\.network(:|$)/, 'write ExecStartPre=-docker network create NAME in [Service], and Network=NAME'],
  [['Volume'], /^[^/:]*\.volume(:|$)/, 'write Volume=NAME:/path: docker makes the volume'],
  [['Image'], /\.(image|build)$/, 'write the name of the image itself'],
  [['Network'], /^(pasta|slirp4netns|private|ns:)/, 'this is podman’s: write bridge, host, none or a name'],
  [
    ['LogDriver'],
    /^(passthrough|k8s-file)/,
    'this is podman’s: leave it out, so that flotilla journal shows the output',
  ],
  [['Entrypoint', 'HealthCmd'], /^\[/, 'write words as for a shell, not JSON; more arguments stand in Exec='],
  [['AddDevice'], /^-/, 'a device cannot be optional: leave out the -'],
];

function refuseOtherFiles(reader: DirectiveReader): void {
  for (const [names, pattern, instead] of otherFiles) {
    for (const option of reader.list(section, ...names)) {
      if (pattern.test(option.value)) reader.fail(option, `is not understood: ${instead}`);
    }
  }
}
