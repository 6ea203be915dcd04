/** `[Service]`: systemd.service(5), systemd.exec(5) and systemd.kill(5), with systemd's defaults. */
import type { DirectiveReader } from './directiveReader.ts';
import { allCommands, readExecLines } from './execLines.ts';
import { hasParentReference, isAbsolutePath, simplifyPath } from './paths.ts';
import { addExitStatus, parseSignal } from './signals.ts';
import type { Specifiers } from './specifiers.ts';
import { parseTimeSpan } from './timeSpan.ts';
import type { ExitSet, ServiceSpec } from './unitSpec.ts';
import { type Parsed, parseBoolean, parseChoice, parseMode, parseUnsigned } from './values.ts';

const section = 'Service';

/** What the commands are and how they are run, restarted and ended; what is wrong is left with the reader. */
export function interpretService(reader: DirectiveReader, specifiers: Specifiers): ServiceSpec {
  const image = readImage(reader);
  const lines = readExecLines(reader, specifiers, image === undefined);
  const implied = reader.list(section, 'ExecStart').length > 0 ? 'simple' : 'oneshot';
  const type = reader.value<ServiceSpec['type']>(section, 'Type', parseType, implied);
  const service: ServiceSpec = {
    type,
    ...lines,
    ...readRestarting(reader),
    ...readTimeouts(reader, type),
    ...readKilling(reader),
    ...readEnvironment(reader),
    ...readExecution(reader),
    ...(image === undefined ? {} : { image }),
  };
  checkService(reader, service);
  return service;
}

const refusedTypes: Record<string, string> = {
  forking: 'a program that forks away is lost sight of: let it stay in the foreground and write Type=simple',
  notify: 'programs cannot notify the node: write Type=exec, and ExecStartPost= with a test where readiness matters',
  'notify-reload': 'programs cannot notify the node: write Type=exec and ExecReload=',
  dbus: 'no bus is watched: write Type=exec',
};

function parseType(text: string): Parsed<ServiceSpec['type']> {
  const why = Object.hasOwn(refusedTypes, text) ? refusedTypes[text] : undefined;
  if (why !== undefined) return { error: `is not supported: ${why}` };
  return parseChoice('simple', 'exec', 'oneshot', 'idle')(text);
}

/** `[X-Flotilla] Image=`, as docker writes references to images. */
function readImage(reader: DirectiveReader): string | undefined {
  const image = reader.text('X-Flotilla', 'Image');
  if (image === undefined) return undefined;
  if (!/^[a-z0-9][\w./:@-]*$/i.test(image.text)) reader.fail(image.option, 'is no name of an image, such as redis:7');
  return image.text;
}

const parseRestart = parseChoice('no', 'on-success', 'on-failure', 'on-abnormal', 'on-watchdog', 'on-abort', 'always');

function readRestarting(reader: DirectiveReader) {
  return {
    restart: reader.value(section, 'Restart', parseRestart, 'no'),
    restartSecMs: reader.value(section, 'RestartSec', parseFiniteSpan, 100),
    remainAfterExit: reader.value(section, 'RemainAfterExit', parseBoolean, false),
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
    killMode: reader.value(section, 'KillMode', killModes, 'control-group'),
    killSignal: reader.value(section, 'KillSignal', parseSignal, 'SIGTERM'),
    finalKillSignal: reader.value(section, 'FinalKillSignal', parseSignal, 'SIGKILL'),
    sendSigkill: reader.value(section, 'SendSIGKILL', parseBoolean, true),
  };
}

function readEnvironment(reader: DirectiveReader) {
  return {
    environment: readAssignments(reader),
    environmentFiles: readEnvironmentFiles(reader),
    passEnvironment: reader.words(section, 'PassEnvironment', 'keep').map(({ option, word }) => {
      if (!variableName.test(word)) reader.fail(option, `: ${JSON.stringify(word)} is no name of a variable`);
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

function readExecution(reader: DirectiveReader): Pick<ServiceSpec, 'workingDirectory' | 'user' | 'group' | 'umask'> {
  const workingDirectory = readWorkingDirectory(reader);
  const user = readAccount(reader, 'User');
  const group = readAccount(reader, 'Group');
  const umask = reader.value<number | undefined>(section, 'UMask', parseMode, undefined);
  return {
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
  if (path === '~') reader.fail(directory.option, 'is not supported: write the path');
  else if (!isAbsolutePath(path) || hasParentReference(path))
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
  const isWritten = starts.length > 0;
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
