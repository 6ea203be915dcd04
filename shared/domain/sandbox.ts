/** The sandboxing directives that a container of `[X-Flotilla] Image=` has: systemd.exec(5), "SANDBOXING", "CAPABILITIES". */
import { assignCapabilities, capabilityNames, dockerCapabilities, parseCapability } from './capabilities.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { readBinds, readPathList, readTemporary, type SandboxBind, type SandboxTmpfs } from './sandboxPaths.ts';
import { type Parsed, parseBoolean, parseChoice } from './values.ts';

const section = 'Service';

/**
 * Those that are on or off, each with the capabilities that systemd takes away for them. What else they ask for a
 * container has anyway, or `containerSandbox.ts` gives it.
 */
const switches = {
  PrivateTmp: [],
  PrivateNetwork: [],
  PrivateIPC: [],
  PrivateMounts: [],
  PrivateDevices: ['CAP_MKNOD', 'CAP_SYS_RAWIO'],
  ProtectHostname: [],
  ProtectClock: ['CAP_SYS_TIME', 'CAP_WAKE_ALARM'],
  ProtectControlGroups: [],
  ProtectKernelLogs: ['CAP_SYSLOG'],
  ProtectKernelModules: ['CAP_SYS_MODULE'],
  ProtectKernelTunables: [],
} as const;
export type SandboxSwitch = keyof typeof switches;
const switchNames = Object.keys(switches) as SandboxSwitch[];

/** What a container of the unit is kept from, or given in spite of that. Paths are as the container sees them. */
export interface Sandbox {
  /** What is on. */
  switches: SandboxSwitch[];
  /** All that the container has; absent: what docker gives to any. */
  capabilities?: string[];
  readOnlyPaths: string[];
  readWritePaths: string[];
  inaccessiblePaths: string[];
  temporary: SandboxTmpfs[];
  binds: SandboxBind[];
  devices: { path: string; permissions: string }[];
  protectSystem: 'no' | 'yes' | 'full' | 'strict';
  protectHome: 'no' | 'yes' | 'read-only' | 'tmpfs';
}

/** Honoured where the unit says Image=, refused elsewhere. */
export const sandboxDirectives: readonly string[] = [
  ...switchNames,
  ...['CapabilityBoundingSet', 'AmbientCapabilities', 'ProtectSystem', 'ProtectHome', 'DevicePolicy', 'DeviceAllow'],
  ...['ReadOnlyPaths', 'ReadWritePaths', 'InaccessiblePaths'],
  ...['ReadOnlyDirectories', 'ReadWriteDirectories', 'InaccessibleDirectories'],
  ...['BindPaths', 'BindReadOnlyPaths', 'TemporaryFileSystem'],
];

/** Absent where the unit says nothing of it. What docker cannot have is left with the reader. */
export function readSandbox(reader: DirectiveReader): Sandbox | undefined {
  if (!reader.all(section).some(({ name }) => sandboxDirectives.includes(name))) return undefined;
  const on = switchNames.filter((name) => reader.value(section, name, parseBoolean, false));
  reader.value(section, 'DevicePolicy', parsePolicy, 'auto');
  const capabilities = readCapabilities(reader, on);
  return {
    switches: on,
    ...(capabilities === undefined ? {} : { capabilities }),
    readOnlyPaths: readPathList(reader, 'ReadOnlyPaths', 'ReadOnlyDirectories'),
    readWritePaths: readPathList(reader, 'ReadWritePaths', 'ReadWriteDirectories'),
    inaccessiblePaths: readPathList(reader, 'InaccessiblePaths', 'InaccessibleDirectories'),
    temporary: readTemporary(reader),
    binds: readBinds(reader),
    devices: readDevices(reader),
    protectSystem: reader.value(section, 'ProtectSystem', yesNoOr('full', 'strict'), 'no'),
    protectHome: reader.value(section, 'ProtectHome', yesNoOr('read-only', 'tmpfs'), 'no'),
  };
}

function yesNoOr<T extends string>(...others: T[]): (text: string) => Parsed<'no' | 'yes' | T> {
  return (text) => {
    const choice = parseBoolean(text);
    if ('value' in choice) return { value: choice.value ? 'yes' : 'no' };
    const other = others.find((name) => name === text);
    return other === undefined ? { error: `is none of no, yes, ${others.join(', ')}` } : { value: other };
  };
}

function parsePolicy(text: string): Parsed<string> {
  if (text === 'strict')
    return { error: 'cannot be had: docker leaves /dev/null and its like to every container; write closed' };
  return parseChoice('auto', 'closed')(text);
}

/**
 * A bounding set takes away from what docker gives, and never adds to it: a directive that confines must not give the
 * program more than it would have without. `AmbientCapabilities=` gives.
 */
function readCapabilities(reader: DirectiveReader, on: readonly SandboxSwitch[]): string[] | undefined {
  const taken = on.flatMap((name): readonly string[] => switches[name]);
  const bounding = readSet(reader, 'CapabilityBoundingSet', capabilityNames).filter((name) => !taken.includes(name));
  const ambient = readSet(reader, 'AmbientCapabilities', []);
  checkAmbient(reader, ambient, bounding, on);
  const isBound = reader.all(section).some(({ name }) => name === 'CapabilityBoundingSet');
  if (!isBound && ambient.length === 0 && taken.length === 0) return undefined;
  return capabilityNames.filter(
    (name) => ambient.includes(name) || (dockerCapabilities.includes(name) && bounding.includes(name)),
  );
}

function readSet(reader: DirectiveReader, directive: string, initial: readonly string[]): readonly string[] {
  const options = reader.all(section).filter(({ name }) => name === directive);
  return options.reduce((before, option) => {
    const inverted = option.value.startsWith('~');
    const words = option.value.slice(inverted ? 1 : 0).split(/\s+/);
    const named = words
      .filter((word) => word !== '')
      .flatMap((word) => reader.parse<string[]>(option, word, parseOne, []));
    return assignCapabilities(before, before.length === initial.length, named, inverted);
  }, initial);
}

function parseOne(text: string): Parsed<string[]> {
  const capability = parseCapability(text);
  return 'error' in capability ? capability : { value: [capability.value] };
}

function checkAmbient(
  reader: DirectiveReader,
  ambient: readonly string[],
  bounding: readonly string[],
  on: readonly SandboxSwitch[],
): void {
  const option = reader.all(section).findLast(({ name }) => name === 'AmbientCapabilities');
  if (option === undefined || ambient.length === 0) return;
  const missing = ambient.filter((name) => !bounding.includes(name));
  if (missing.length > 0)
    reader.fail(
      option,
      `asks for ${missing.join(' ')}, which CapabilityBoundingSet= or a Protect… or Private… directive takes away`,
    );
  const user = reader.last(section, 'User')?.value ?? 'root';
  if (user !== 'root' && user !== '0')
    reader.fail(option, `cannot be had with User=${user}: docker gives capabilities to root alone`);
  if (on.includes('ProtectHostname') && ambient.includes('CAP_SYS_ADMIN'))
    reader.fail(option, 'would let the program change the host name, which ProtectHostname= forbids');
}

function readDevices(reader: DirectiveReader): Sandbox['devices'] {
  return reader.list(section, 'DeviceAllow').flatMap((option) => {
    const [path = '', permissions = 'rwm', ...rest] = reader.expand(option, option.value).split(/\s+/);
    if (rest.length > 0 || !/^[rwm]+$/.test(permissions))
      reader.fail(option, 'is no device with rights, such as /dev/fuse rw');
    else if (!isDevice(path)) reader.fail(option, 'cannot be had in a container: name one device below /dev');
    else return [{ path, permissions }];
    return [];
  });
}

const isDevice = (path: string) => /^\/dev\/[^*?[]+$/.test(path) && !path.split('/').includes('..');
