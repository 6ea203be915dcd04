/** `[Service]`: systemd.service(5), systemd.exec(5) and systemd.kill(5), with systemd's defaults. */

import { checkContainerLimits } from './containerLimits.ts';
import { type ContainerNotify, checkContainerNotify, readContainerNotify, typeOfContainer } from './containerNotify.ts';
import { hasContainer, readContainer } from './containerSection.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { allCommands, readExecLines } from './execLines.ts';
import { readOutputs } from './outputs.ts';
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';
import { readProcessLimits } from './processLimits.ts';
import { readResourceControl } from './resourceControl.ts';
import { readSandbox } from './sandbox.ts';
import { readDirectories } from './serviceDirectories.ts';
import { addExitStatus, parseSignal } from './signals.ts';
import type { Specifiers } from './specifiers.ts';
import { checkSupervision, readSupervision } from './supervision.ts';
import { parseTimeSpan } from './timeSpan.ts';
import { parseUnitName } from './unitName.ts';
import type { ExitSet, ServiceSpec, TimeoutMode } from './unitSpec.ts';
import { type Parsed, parseBoolean, parseChoice, parseMode, parseUnsigned } from './values.ts';

const section = 'Service';

/** What the commands are and how they are run, restarted and ended; what is wrong is left with the reader. */
export function interpretService(reader: DirectiveReader, specifiers: Specifiers): ServiceSpec {
  const image = readImage(reader);
  const written = readExecLines(reader, specifiers, image === undefined);
  const lines = hasContainer(reader) ? { ...written, execStart: readContainer(reader) } : written;
  const notify = hasContainer(reader) ? readContainerNotify(reader) : null;
  const type = readType(reader, notify);
  const service: ServiceSpec = {
    type,
    ...lines,
    ...readRestarting(reader),
    ...readTimeouts(reader, type),
    ...readSupervision(reader, type, notify),
    ...readDirectories(reader),
    ...readOutputs(reader),
    ...readKilling(reader),
    ...readEnvironment(reader),
    ...readExecution(reader),
    ...(reader.value(section, 'NoNewPrivileges', parseBoolean, false) ? { noNewPrivileges: true as const } : {}),
    limits: readProcessLimits(reader),
    control: readResourceControl(reader),
    ...(image === undefined ? {} : { image, ...readConfinement(reader) }),
    ...readPullPolicy(reader, image),
    ...readOnUnhealthy(reader),
  };
  checkService(reader, service);
  checkContainerLimits(reader, service);
  checkSupervision(reader, service);
  if (notify !== null) checkContainerNotify(reader, notify, service);
  return service;
}

function readType(reader: DirectiveReader, notify: ContainerNotify | null): ServiceSpec['type'] {
  const hasCommand = notify !== null || reader.list(section, 'ExecStart').length > 0;
  const implied = notify !== null && notify !== 'no' ? 'notify' : hasCommand ? 'simple' : 'oneshot';
  const type = reader.value<ServiceSpec['type']>(section, 'Type', parseType, implied);
  return notify === null ? type : typeOfContainer(notify, type);
}

const refusedTypes: Record<string, string> = {
  'notify-reload': 'write Type=notify, and ExecReload=/bin/kill -HUP $MAINPID',
  dbus: 'no bus is watched: write Type=exec',
};

function parseType(text: string): Parsed<ServiceSpec['type']> {
  const why = Object.hasOwn(refusedTypes, text) ? refusedTypes[text] : undefined;
  if (why !== undefined) return { error: `is not supported: ${why}` };
  return parseChoice('simple', 'exec', 'oneshot', 'idle', 'notify', 'forking')(text);
}

/** `[X-Flotilla] Image=`, as docker writes references to images. */
function readImage(reader: DirectiveReader): string | undefined {
  const image = reader.text('X-Flotilla', 'Image');
  if (image === undefined) return undefined;
  if (!/^[a-z0-9][\w./:@-]*$/i.test(image.text)) reader.fail(image.option, 'is no name of an image, such as redis:7');
  return image.text;
}

/** Only a container is confined; elsewhere the directives are refused. */
function readConfinement(reader: DirectiveReader): Pick<ServiceSpec, 'sandbox'> {
  const sandbox = readSandbox(reader);
  return sandbox === undefined ? {} : { sandbox };
}

/** An unhealthy container runs on, or is killed, so that `Restart=` applies: podman-systemd.unit(5) for `[Container]`. */
function readOnUnhealthy(reader: DirectiveReader): Pick<ServiceSpec, 'onUnhealthy'> {
  const own = reader.value('X-Flotilla', 'OnUnhealthy', parseChoice('none', 'kill'), 'none');
  const quadlet = reader.value('Container', 'HealthOnFailure', parseHealthOnFailure, 'none');
  return own === 'kill' || quadlet === 'kill' ? { onUnhealthy: 'kill' } : {};
}

function parseHealthOnFailure(text: string): Parsed<'none' | 'kill'> {
  if (text === 'restart' || text === 'stop') return { error: 'is not understood: write kill, and Restart=always' };
  return parseChoice('none', 'kill')(text);
}

/** `[X-Flotilla] PullPolicy=`, in the words of `docker run --pull`. */
function readPullPolicy(reader: DirectiveReader, image: string | undefined): Pick<ServiceSpec, 'pull'> {
  const option = reader.last('X-Flotilla', 'PullPolicy');
  if (option === undefined) return {};
  if (image === undefined) reader.fail(option, 'is for [X-Flotilla] Image=: in a docker line write --pull instead');
  return { pull: reader.value('X-Flotilla', 'PullPolicy', parseChoice('missing', 'always', 'never'), 'missing') };
}

const parseRestart = parseChoice('no', 'on-success', 'on-failure', 'on-abnormal', 'on-watchdog', 'on-abort', 'always');

function readRestarting(reader: DirectiveReader) {
  return {
    restart: reader.value(section, 'Restart', parseRestart, 'no'),
    restartSecMs: reader.value(section, 'RestartSec', parseFiniteSpan, 100),
    remainAfterExit: reader.value(section, 'RemainAfterExit', parseBoolean, false),
    ...readSockets(reader),
    successExitStatus: readExitSet(reader, 'SuccessExitStatus'),
    restartPreventExitStatus: readExitSet(reader, 'RestartPreventExitStatus'),
    restartForceExitStatus: readExitSet(reader, 'RestartForceExitStatus'),
    startLimit: readStartLimit(reader),
  };
}

/** It moved from `[Service]` to `[Unit]` and changed its name; all spellings still count. */
function readStartLimit(reader: DirectiveReader): ServiceSpec['startLimit'] {
  const older = reader.value(section, 'StartLimitInterval', parseFiniteSpan, 10_000);
  const olderBurst = reader.value(section, 'StartLimitBurst', parseUnsigned, 5);
  return {
    intervalMs: reader.value('Unit', ['StartLimitIntervalSec', 'StartLimitInterval'], parseFiniteSpan, older),
    burst: reader.value('Unit', 'StartLimitBurst', parseUnsigned, olderBurst),
  };
}

function parseFiniteSpan(text: string): Parsed<number> {
  const span = parseTimeSpan(text);
  if ('error' in span) return span;
  return span.value === null ? { error: 'must be finite' } : { value: span.value };
}

const parseTimeoutMode = parseChoice('terminate', 'abort', 'kill');

function readTimeoutMode<Key extends string>(
  reader: DirectiveReader,
  key: Key,
  name: string,
): Partial<Record<Key, TimeoutMode>> {
  const mode = reader.value(section, name, parseTimeoutMode, 'terminate');
  return mode === 'terminate' ? {} : ({ [key]: mode } as Partial<Record<Key, TimeoutMode>>);
}

/** `Sockets=`; that they are wanted and come first, `readDependencies` says. */
function readSockets(reader: DirectiveReader): { sockets?: string[] } {
  const words = reader.words(section, 'Sockets', 'keep');
  for (const { option, word } of words) {
    if (parseUnitName(word).value?.type !== 'socket') reader.fail(option, `names ${word}, which is no socket unit`);
  }
  return words.length === 0 ? {} : { sockets: [...new Set(words.map(({ word }) => word))] };
}

function readExitSet(reader: DirectiveReader, name: string): ExitSet {
  let set: ExitSet = { codes: [], signals: [] };
  for (const { option, word } of reader.words(section, name, 'keep')) {
    set = reader.parse(option, word, (text) => addExitStatus(set, text), set);
  }
  return set;
}

const defaultTimeoutMs = 90_000;

/** A oneshot may start for ever, unless it says otherwise. For both timeouts 0 means infinity, an older spelling. */
function readTimeouts(reader: DirectiveReader, type: ServiceSpec['type']) {
  const timeout = (name: string, fallback: number | null) =>
    reader.value(section, [name, 'TimeoutSec'], parseTimeout, fallback);
  return {
    timeoutStartMs: timeout('TimeoutStartSec', type === 'oneshot' ? null : defaultTimeoutMs),
    timeoutStopMs: timeout('TimeoutStopSec', defaultTimeoutMs),
    runtimeMaxMs: reader.value(section, 'RuntimeMaxSec', parseTimeSpan, null),
  };
}

function parseTimeout(text: string): Parsed<number | null> {
  const span = parseTimeSpan(text);
  return 'value' in span && span.value === 0 ? { value: null } : span;
}

function readKilling(reader: DirectiveReader) {
  const killModes = parseChoice('control-group', 'mixed', 'process', 'none');
  return {
    ...readTimeoutMode(reader, 'startFailureMode', 'TimeoutStartFailureMode'),
    ...readTimeoutMode(reader, 'stopFailureMode', 'TimeoutStopFailureMode'),
    killMode: reader.value(section, 'KillMode', killModes, 'control-group'),
    killSignal: reader.value(section, 'KillSignal', parseSignal, 'SIGTERM'),
    finalKillSignal: reader.value(section, 'FinalKillSignal', parseSignal, 'SIGKILL'),
    sendSigkill: reader.value(section, 'SendSIGKILL', parseBoolean, true),
    ...readOtherSignals(reader),
    ...(reader.value(section, 'IgnoreSIGPIPE', parseBoolean, true) ? {} : { ignoreSigpipe: false as const }),
    oomPolicy: reader.value(section, 'OOMPolicy', parseOomPolicy, 'stop'),
  };
}

function readOtherSignals(reader: DirectiveReader): Pick<ServiceSpec, 'restartKillSignal' | 'sendSighup'> {
  const restartKillSignal = reader.value<string | undefined>(section, 'RestartKillSignal', parseSignal, undefined);
  return {
    ...(restartKillSignal === undefined ? {} : { restartKillSignal }),
    ...(reader.value(section, 'SendSIGHUP', parseBoolean, false) ? { sendSighup: true as const } : {}),
  };
}

const parseOomPolicy = parseChoice('continue', 'stop', 'kill');

function readEnvironment(reader: DirectiveReader) {
  return {
    environment: readAssignments(reader),
    environmentFiles: readEnvironmentFiles(reader),
    passEnvironment: reader.words(section, 'PassEnvironment', 'keep').map(({ option, word }) => {
      if (!variableName.test(word)) reader.fail(option, `: ${JSON.stringify(word)} is no name of a variable`);
      return word;
    }),
    unsetEnvironment: reader.words(section, 'UnsetEnvironment', 'decode').map(({ option, word }) => {
      const [name = ''] = word.split('=', 1);
      if (!variableName.test(name))
        reader.fail(option, `: ${JSON.stringify(word)} is no variable, such as NAME or NAME=value`);
      return word;
    }),
  };
}

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

function readAssignments(reader: DirectiveReader): Record<string, string> {
  const variables = new Map<string, string>();
  for (const { option, word } of reader.words(section, 'Environment', 'decode')) {
    const equals = word.indexOf('=');
    const name = word.slice(0, Math.max(equals, 0));
    const value = word.slice(equals + 1);
    if (variableName.test(name) && !/[^\P{Cc}\t\n]/u.test(value)) variables.set(name, value);
    else reader.fail(option, `: ${JSON.stringify(word)} is no assignment, such as NAME=value`);
  }
  return Object.fromEntries(variables);
}

function readEnvironmentFiles(reader: DirectiveReader): ServiceSpec['environmentFiles'] {
  return reader.list(section, 'EnvironmentFile').map((option) => {
    const optional = option.value.startsWith('-');
    const path = reader.expand(option, option.value.slice(optional ? 1 : 0));
    if (!isAbsolutePath(path)) reader.fail(option, 'is no absolute path');
    return { path: simplifyPath(path), optional };
  });
}

type Execution = Pick<ServiceSpec, 'workingDirectory' | 'user' | 'group' | 'umask' | 'supplementaryGroups'>;

function readExecution(reader: DirectiveReader): Execution {
  const workingDirectory = readWorkingDirectory(reader);
  const user = readAccount(reader, 'User');
  const group = readAccount(reader, 'Group');
  const umask = reader.value<number | undefined>(section, 'UMask', parseMode, undefined);
  const groups = reader.words(section, 'SupplementaryGroups', 'keep').map(({ option, word }) => {
    if (!isAccount(word)) reader.fail(option, `: ${JSON.stringify(word)} is no name or number of a group`);
    return word;
  });
  return {
    supplementaryGroups: groups,
    ...(workingDirectory === undefined ? {} : { workingDirectory }),
    ...(user === undefined ? {} : { user }),
    ...(group === undefined ? {} : { group }),
    ...(umask === undefined ? {} : { umask }),
  };
}

function readWorkingDirectory(reader: DirectiveReader): ServiceSpec['workingDirectory'] {
  const directory = reader.text(section, 'WorkingDirectory');
  if (directory === undefined) return undefined;
  const optional = directory.text.startsWith('-');
  const path = directory.text.slice(optional ? 1 : 0);
  if (path === '~') {
    // Only the image knows it.
    const image = reader.last('X-Flotilla', 'Image');
    if (image) reader.fail(directory.option, 'is not supported with Image=: write the path');
    return { path, optional };
  }
  if (!isAbsolutePath(path) || hasParentReference(path))
    reader.fail(directory.option, 'is no absolute path without ..');
  return { path: simplifyPath(path), optional };
}

function readAccount(reader: DirectiveReader, name: 'User' | 'Group'): string | undefined {
  const account = reader.text(section, name);
  if (account === undefined) return undefined;
  if (!isAccount(account.text)) reader.fail(account.option, `is no name or number of a ${name.toLowerCase()}`);
  return account.text;
}

/** A number, of which two mean "nobody in particular", or a name by systemd's wider rules (systemd's USER_NAMES). */
function isAccount(text: string): boolean {
  if (/^-?\d+$/.test(text)) return /^(0|[1-9]\d*)$/.test(text) && Number(text) < 0xffffffff && Number(text) !== 0xffff;
  return !/^\s|\s$|[:/\p{Cc}]|^\.{1,2}$/u.test(text);
}

/** What systemd refuses when the file is read as a whole. */
function checkService(reader: DirectiveReader, service: ServiceSpec): void {
  const oneshot = service.type === 'oneshot';
  checkCommands(reader, service);
  const restart = reader.last(section, 'Restart');
  if (oneshot && restart && (service.restart === 'always' || service.restart === 'on-success')) {
    reader.fail(restart, 'would repeat a oneshot for ever: write on-failure, or Type=simple');
  }
  const forced = reader.list(section, 'RestartForceExitStatus').at(-1);
  if (oneshot && forced) reader.fail(forced, 'is not allowed with Type=oneshot');
}

function checkCommands(reader: DirectiveReader, service: ServiceSpec): void {
  const starts = reader.list(section, 'ExecStart');
  const isWritten = starts.length > 0 || hasContainer(reader);
  if (service.type !== 'oneshot' && service.execStart.length > 1) {
    const last = starts.at(-1);
    if (last) reader.fail(last, 'is one of several main commands: only Type=oneshot may have them');
  }
  if (isWritten) return;
  const missing = 'there is no ExecStart= in [Service]';
  if (service.type !== 'oneshot') {
    reader.report('error', undefined, `${missing}: say what to run, or write Type=oneshot with ExecStop=`);
  } else if (service.execStop.length === 0 || !service.remainAfterExit) {
    const instead = 'say what to run (without it a oneshot needs ExecStop= and RemainAfterExit=yes)';
    reader.report('error', undefined, `${missing}: ${instead}`);
  }
}

/** What a machine must offer to run these commands. */
export function runtimesOf(service: ServiceSpec): string[] {
  if (service.image !== undefined) return ['docker'];
  const commands = allCommands(service);
  return [
    ...(commands.some(({ docker }) => docker !== undefined) ? ['docker'] : []),
    ...(commands.some(({ docker }) => docker === undefined) ? ['process'] : []),
  ];
}
