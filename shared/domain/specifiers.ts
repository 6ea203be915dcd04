/** `%` specifiers of unit files: systemd.unit(5), "Specifiers", as the system's service manager (root) resolves them. */
import { architectureOf } from './architectures.ts';
import type { Problem } from './problem.ts';
import { type UnitName, unescapeName, unescapePath } from './unitName.ts';

/** What specifiers tell of the machine that the unit runs on. */
export interface HostFacts {
  hostname: string;
  /** 32 hex digits. */
  machineId: string;
  /** 32 hex digits. */
  bootId: string;
  /** As `uname -r` says. */
  kernelRelease: string;
  /** As `uname -m` says; absent: it is not looked at. */
  machine?: string;
  /** Root's shell. */
  shell?: string;
  /** machine-info(5), `PRETTY_HOSTNAME`; absent: the host name. */
  prettyHostname?: string;
  /** os-release(5). */
  osRelease?: Readonly<Record<string, string>>;
}

/** What each letter stands for; null where it cannot be resolved for this unit. */
export type Specifiers = Record<string, string | null>;

/** The specifiers that depend on nothing but the unit's name. */
export function nameSpecifiers(unit: UnitName): Specifiers {
  const stem = unit.name.slice(0, -(unit.type.length + 1));
  const instance = unit.instance ?? '';
  const last = unit.prefix.slice(unit.prefix.lastIndexOf('-') + 1);
  return {
    n: unit.name,
    N: stem,
    p: unit.prefix,
    P: unescapeName(unit.prefix),
    i: instance,
    I: unescapeName(instance),
    j: last,
    J: unescapeName(last),
    f: unescapePath(unit.instance ?? unit.prefix),
  };
}

/** All specifiers of a unit on a machine. */
export function unitSpecifiers(unit: UnitName, host: HostFacts): Specifiers {
  return { ...nameSpecifiers(unit), ...hostSpecifiers(host), ...managerSpecifiers };
}

function hostSpecifiers(host: HostFacts): Specifiers {
  const [shortName = ''] = host.hostname.split('.');
  return {
    H: host.hostname,
    l: shortName,
    q: host.prettyHostname ?? host.hostname,
    m: host.machineId,
    b: host.bootId,
    v: host.kernelRelease,
    s: host.shell ?? '/bin/sh',
    a: (host.machine === undefined ? undefined : architectureOf(host.machine)) ?? '',
    ...mapValues(osReleaseFields, (field) => host.osRelease?.[field] ?? ''),
  };
}

/** What os-release(5) does not say is empty. */
const osReleaseFields = {
  o: 'ID',
  w: 'VERSION_ID',
  B: 'BUILD_ID',
  W: 'VARIANT_ID',
  A: 'IMAGE_VERSION',
  M: 'IMAGE_ID',
} as const;

function mapValues(fields: Readonly<Record<string, string>>, change: (field: string) => string): Specifiers {
  return Object.fromEntries(Object.entries(fields).map(([letter, field]) => [letter, change(field)]));
}

const managerSpecifiers: Specifiers = {
  t: '/run',
  S: '/var/lib',
  C: '/var/cache',
  L: '/var/log',
  E: '/etc',
  T: '/tmp',
  V: '/var/tmp',
  u: 'root',
  U: '0',
  g: 'root',
  G: '0',
  h: '/root',
};

/**
 * Replaces each specifier, and `%%` by `%`. As in systemd, a `%` before anything but a letter or digit stays; a letter
 * or digit that is no specifier is an error.
 */
export function expandSpecifiers(text: string, specifiers: Specifiers): { value: string; problems: Problem[] } {
  const problems: Problem[] = [];
  const value = text.replace(/%([a-zA-Z0-9%])/g, (whole, letter: string) => {
    if (letter === '%') return '%';
    const expanded = Object.hasOwn(specifiers, letter) ? specifiers[letter] : undefined;
    if (typeof expanded === 'string') return expanded;
    problems.push({ severity: 'error', message: describeFailure(letter, expanded, specifiers) });
    return whole;
  });
  return { value, problems };
}

/** What systemd has, and there is not here. */
const without: Readonly<Record<string, string>> = {
  y: 'no machine has the unit file',
  Y: 'no machine has the unit file',
  d: 'units have no credentials of systemd; pass them with EnvironmentFile=, or mount them',
};

function describeFailure(letter: string, expanded: null | undefined, specifiers: Specifiers): string {
  if (expanded === null) return `%${letter} cannot be resolved: the unit's name is not escaped as systemd-escape does`;
  const why = Object.hasOwn(without, letter) ? without[letter] : undefined;
  if (why !== undefined) return `%${letter} cannot be resolved: ${why}`;
  const known = Object.keys(specifiers).map((name) => `%${name}`);
  return `%${letter} is no specifier that may stand here: there are ${known.join(' ')}, and %% for a percent sign`;
}
