/** The two options of `docker run` that are languages of their own: `--mount` and `--network`. */
import { ensure, splitOnce } from './dockerOptions.ts';
import { integerBetween, isIpAddress, isMacAddress, parseBytes, parseFields } from './dockerValues.ts';

/** A mount as the Engine API takes it (`HostConfig.Mounts`). */
export interface Mount {
  Type: 'bind' | 'volume' | 'tmpfs' | 'image';
  Source?: string;
  Target?: string;
  ReadOnly?: boolean;
  Consistency?: string;
  BindOptions?: {
    Propagation?: string;
    NonRecursive?: boolean;
    CreateMountpoint?: boolean;
    ReadOnlyNonRecursive?: boolean;
    ReadOnlyForceRecursive?: boolean;
  };
  ImageOptions?: { Subpath?: string };
  VolumeOptions?: {
    NoCopy?: boolean;
    Subpath?: string;
    Labels?: Record<string, string>;
    DriverConfig?: { Name?: string; Options?: Record<string, string> };
  };
  TmpfsOptions?: { SizeBytes?: number; Mode?: number };
}

type Setter = (mount: Mount, value: string | undefined) => boolean;

/** Field names of `--mount`, each with what it does; false: the value is wrong. */
const mountFields: Record<string, Setter> = {
  type: (mount, value) => put(mount, 'Type', mountType(value)),
  source: (mount, value) => put(mount, 'Source', nonEmpty(value)),
  target: (mount, value) => put(mount, 'Target', nonEmpty(value)),
  readonly: (mount, value) => put(mount, 'ReadOnly', parseSwitch(value)),
  'bind-propagation': (mount, value) => put(ensure(mount, 'BindOptions', {}), 'Propagation', nonEmpty(value)),
  'bind-nonrecursive': (mount, value) => put(ensure(mount, 'BindOptions', {}), 'NonRecursive', parseSwitch(value)),
  'volume-nocopy': (mount, value) => put(ensure(mount, 'VolumeOptions', {}), 'NoCopy', parseSwitch(value)),
  'volume-subpath': (mount, value) => put(ensure(mount, 'VolumeOptions', {}), 'Subpath', nonEmpty(value)),
  'volume-label': (mount, value) => assign(ensure(ensure(mount, 'VolumeOptions', {}), 'Labels', {}), value),
  'volume-driver': (mount, value) => put(driverOf(mount), 'Name', nonEmpty(value)),
  'volume-opt': (mount, value) => assign(ensure(driverOf(mount), 'Options', {}), value),
  'tmpfs-size': (mount, value) => put(ensure(mount, 'TmpfsOptions', {}), 'SizeBytes', parseBytes(value ?? '')),
  'tmpfs-mode': (mount, value) => put(ensure(mount, 'TmpfsOptions', {}), 'Mode', parseOctal(value ?? '')),
  'bind-recursive': (mount, value) => recursive(mount, value),
  'image-subpath': (mount, value) => put(ensure(mount, 'ImageOptions', {}), 'Subpath', nonEmpty(value)),
  consistency: (mount, value) => put(mount, 'Consistency', (value ?? '').toLowerCase()),
};

const mountAliases: Record<string, string> = { src: 'source', dst: 'target', destination: 'target', ro: 'readonly' };

const driverOf = (mount: Mount) => ensure(ensure(mount, 'VolumeOptions', {}), 'DriverConfig', {});

/** Stores a value unless it could not be read. */
function put<T, K extends keyof T>(owner: T, key: K, value: NonNullable<T[K]> | null): boolean {
  if (value === null) return false;
  owner[key] = value;
  return true;
}

function assign(record: Record<string, string>, text: string | undefined): boolean {
  const [key, value = ''] = splitOnce(text ?? '', '=');
  return key !== '' && put(record, key, value);
}

function nonEmpty(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}

function mountType(text: string | undefined): Mount['Type'] | null {
  const type = text?.toLowerCase();
  return type === 'bind' || type === 'volume' || type === 'tmpfs' || type === 'image' ? type : null;
}

/** What becomes of what is mounted below the source. */
function recursive(mount: Mount, value: string | undefined): boolean {
  if (value === 'disabled') ensure(mount, 'BindOptions', {}).NonRecursive = true;
  else if (value === 'writable') ensure(mount, 'BindOptions', {}).ReadOnlyNonRecursive = true;
  else if (value === 'readonly') ensure(mount, 'BindOptions', {}).ReadOnlyForceRecursive = true;
  return value === 'enabled' || mount.BindOptions !== undefined;
}

/** A field without a value is switched on. */
function parseSwitch(text: string | undefined): boolean | null {
  if (text === undefined || text === 'true' || text === '1') return true;
  return text === 'false' || text === '0' ? false : null;
}

function parseOctal(text: string): number | null {
  return /^[0-7]{1,4}$/.test(text) ? Number.parseInt(text, 8) : null;
}

/** What `--mount` means, or, as a text, what is wrong with it. Source: docker-run(1), --mount. */
export function parseMount(text: string): Mount | string {
  const fields = parseFields(text);
  if (!fields) return 'the quotes do not match';
  const mount: Mount = { Type: 'volume' };
  for (const [key, value] of fields) {
    const name = mountAliases[key] ?? key;
    const setter = Object.hasOwn(mountFields, name) ? mountFields[name] : undefined;
    if (!setter) return `there is no field ${key}`;
    if (!setter(mount, value)) return `${key}=${value ?? ''} makes no sense`;
  }
  return checkMount(mount) ?? mount;
}

function checkMount(mount: Mount): string | undefined {
  if (mount.Target === undefined) return 'a target is missing (target=/path)';
  if (mount.Source?.startsWith('.')) return 'a unit has no current directory, write source=/absolute/path';
  if (mount.Type === 'bind' && !mount.Source?.startsWith('/')) return 'a bind mount needs source=/absolute/path';
  const below = mount.BindOptions;
  if ((below?.ReadOnlyNonRecursive || below?.ReadOnlyForceRecursive) && !mount.ReadOnly) {
    return 'bind-recursive=writable and readonly need readonly';
  }
  if (below?.ReadOnlyForceRecursive && below.Propagation !== 'rprivate') {
    return 'bind-recursive=readonly needs bind-propagation=rprivate';
  }
  if (mount.ImageOptions && mount.Type !== 'image') return `image options do not go with type=${mount.Type}`;
  if (mount.BindOptions && mount.Type !== 'bind') return `bind options do not go with type=${mount.Type}`;
  if (mount.VolumeOptions && mount.Type !== 'volume') return `volume options do not go with type=${mount.Type}`;
  if (mount.TmpfsOptions && mount.Type !== 'tmpfs') return `tmpfs options do not go with type=${mount.Type}`;
  return undefined;
}

/** One network that the container joins, with the options that belong to it. */
export interface Attachment {
  name: string;
  aliases: string[];
  links: string[];
  ipv4?: string;
  ipv6?: string;
  linkLocal: string[];
  mac?: string;
  priority?: number;
  driverOptions: Record<string, string>;
}

export function createAttachment(name: string): Attachment {
  return { name, aliases: [], links: [], linkLocal: [], driverOptions: {} };
}

const gatewayPriority = integerBetween(-(2 ** 31), 2 ** 31 - 1);

const networkFields: Record<string, (attachment: Attachment, value: string) => boolean> = {
  name: (attachment, value) => put(attachment, 'name', nonEmpty(value)),
  alias: (attachment, value) => add(attachment.aliases, nonEmpty(value)),
  ip: (attachment, value) => put(attachment, 'ipv4', parseAddress(value)),
  ip6: (attachment, value) => put(attachment, 'ipv6', parseAddress(value)),
  'link-local-ip': (attachment, value) => add(attachment.linkLocal, parseAddress(value)),
  'mac-address': (attachment, value) => put(attachment, 'mac', isMacAddress(value) ? value : null),
  'driver-opt': (attachment, value) => value.includes('=') && assign(attachment.driverOptions, value.toLowerCase()),
  'gw-priority': (attachment, value) => put(attachment, 'priority', gatewayPriority(value)),
};

function add(list: string[], value: string | null): boolean {
  if (value !== null) list.push(value);
  return value !== null;
}

function parseAddress(text: string): string | null {
  return isIpAddress(text) ? text : null;
}

/** What `--network` means: a name, or `name=…,alias=…,ip=…`; or, as a text, what is wrong. */
export function parseNetwork(text: string): Attachment | string {
  if (!/\w+=\w+/.test(text)) return text.trim() === '' ? 'no network is named' : createAttachment(text);
  const attachment = createAttachment('');
  for (const [spaced, value] of parseFields(text) ?? []) {
    const key = spaced.trim();
    const setter = Object.hasOwn(networkFields, key) ? networkFields[key] : undefined;
    if (!setter) return `there is no field ${key}`;
    if (!setter(attachment, value?.trim() ?? '')) return `${key}=${value ?? ''} makes no sense`;
  }
  return attachment.name === '' ? 'no network is named (name=…)' : attachment;
}

/** False for the networks that every engine has, which know no aliases. */
export function isUserDefinedNetwork(name: string): boolean {
  return !['default', 'bridge', 'host', 'none'].includes(name) && !name.startsWith('container:');
}
