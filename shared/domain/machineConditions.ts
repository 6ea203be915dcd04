/**
 * Conditions on what a machine is and has, told by files of its kernel: systemd.unit(5), "ConditionSecurity=" and the like;
 * proc(5), sysfs(5), os-release(5).
 */
import { capabilityNames, parseCapability } from './capabilities.ts';
import { passes, splitReleaseTerms } from './comparison.ts';
import { parseEnvironmentFile } from './environmentFile.ts';
import { type Parsed, parseBoolean, parseChoice, parseShare } from './values.ts';

export const machineKinds = [
  'Virtualization',
  'Security',
  'Capability',
  'ACPower',
  'CPUFeature',
  'OSRelease',
  'ControlGroupController',
  'MemoryPressure',
  'CPUPressure',
  'IOPressure',
] as const;

export type MachineKind = (typeof machineKinds)[number];

/** Nothing rejects: what cannot be seen is not there. */
export interface MachineFiles {
  /** What is in a file; null where there is none, or it cannot be read. */
  text(path: string): Promise<string | null>;
  /** What is in a directory, without `.` and `..`; null where there is none. */
  entries(directory: string): Promise<string[] | null>;
  /** What it is virtualized by, or runs in, as systemd-detect-virt(1) says; null: that cannot be told. */
  virtualization(): Promise<Virtualization | null>;
}

/** `none`, or a word such as `kvm` or `docker`. */
export interface Virtualization {
  id: string;
  isContainer: boolean;
}

/** The value as it is kept, or what is wrong with it. */
export function parseMachineValue(kind: MachineKind, text: string): Parsed<string> {
  switch (kind) {
    case 'Virtualization':
      return text === '' ? { error: 'is empty' } : { value: text };
    case 'Security':
      if (text === 'audit') return { error: 'is not supported: whether the kernel audits is not told to the agent' };
      return parseChoice(...Object.keys(securityFiles), 'apparmor', 'uefi-secureboot', 'tpm2')(text);
    case 'Capability':
      return parseCapability(text);
    case 'ACPower': {
      const wished = parseBoolean(text);
      return 'error' in wished ? wished : { value: wished.value ? 'yes' : 'no' };
    }
    case 'CPUFeature':
      return parseChoice(...cpuFeatures.keys())(text.toLowerCase());
    case 'OSRelease':
      return splitReleaseTerms(text) === null
        ? { error: 'is no list of comparisons, such as ID=debian "VERSION_ID>=12"' }
        : { value: text };
    case 'ControlGroupController':
      return parseControllers(text);
    case 'MemoryPressure':
    case 'CPUPressure':
    case 'IOPressure': {
      const bound = parsePressure(text);
      return 'error' in bound ? bound : { value: text };
    }
    default:
      return kind satisfies never;
  }
}

/** Null: it cannot be told. */
export async function lookAtMachine(kind: MachineKind, value: string, files: MachineFiles): Promise<boolean | null> {
  switch (kind) {
    case 'Virtualization':
      return isVirtualized(value, files);
    case 'Security':
      return hasSecurity(value, files);
    case 'Capability':
      return mayHaveCapability(value, await files.text('/proc/self/status'));
    case 'ACPower':
      return (value === 'yes') === (await isOnAcPower(files));
    case 'CPUFeature':
      return hasCpuFeature(value, (await files.text('/proc/cpuinfo')) ?? '');
    case 'OSRelease':
      return isRelease(value, (await files.text('/etc/os-release')) ?? (await files.text('/usr/lib/os-release')));
    case 'ControlGroupController':
      return hasControllers(value, files);
    case 'MemoryPressure':
      return isBelow(value, 'full', await files.text('/proc/pressure/memory'));
    case 'CPUPressure':
      return isBelow(value, 'some', await files.text('/proc/pressure/cpu'));
    case 'IOPressure':
      return isBelow(value, 'full', await files.text('/proc/pressure/io'));
    default:
      return kind satisfies never;
  }
}

async function isVirtualized(value: string, files: MachineFiles): Promise<boolean | null> {
  if (value === 'private-users') {
    // user_namespaces(7): outside of any, all ids are their own.
    const map = (await files.text('/proc/self/uid_map')) ?? '';
    return map.trim() !== '' && !/^\s*0\s+0\s+4294967295\s*$/.test(map);
  }
  const found = await files.virtualization();
  if (found === null) return null;
  const { id, isContainer } = found;
  const wished = parseBoolean(value);
  if ('value' in wished) return wished.value === (id !== 'none');
  if (id === 'none') return false;
  if (value === 'vm' || value === 'container') return isContainer === (value === 'container');
  return value === id;
}

/** Files that are there when it is in use. */
const securityFiles: Readonly<Record<string, string>> = {
  selinux: '/sys/fs/selinux/enforce',
  smack: '/sys/fs/smackfs/load2',
  tomoyo: '/sys/kernel/security/tomoyo/version',
  ima: '/sys/kernel/security/ima/runtime_measurements_count',
};
const secureBoot = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

async function hasSecurity(value: string, files: MachineFiles): Promise<boolean> {
  if (value === 'apparmor') return /^Y/.test((await files.text('/sys/module/apparmor/parameters/enabled')) ?? '');
  // An efivars file: four bytes of attributes, then the value.
  if (value === 'uefi-secureboot') return (await files.text(secureBoot))?.charCodeAt(4) === 1;
  if (value === 'tpm2') return ((await files.entries('/sys/class/tpmrm')) ?? []).length > 0;
  return (await files.text(securityFiles[value] ?? '')) !== null;
}

/** The bounding set of who runs the units, proc_pid_status(5). */
function mayHaveCapability(name: string, status: string | null): boolean | null {
  const [, mask] = /^CapBnd:\s*([0-9a-f]+)$/m.exec(status ?? '') ?? [];
  return mask === undefined ? null : (BigInt(`0x${mask}`) & (1n << BigInt(capabilityNames.indexOf(name)))) !== 0n;
}

/** A machine without mains and batteries that say so is on the mains. */
async function isOnAcPower(files: MachineFiles): Promise<boolean> {
  const root = '/sys/class/power_supply';
  let hasBattery = false;
  for (const name of (await files.entries(root)) ?? []) {
    const read = async (file: string) => (await files.text(`${root}/${name}/${file}`))?.trim();
    const type = await read('type');
    if (type === 'Battery') hasBattery ||= (await read('scope')) !== 'Device';
    else if (type !== undefined && Number((await read('online')) ?? 0) > 0) return true;
  }
  return !hasBattery;
}

/** What systemd names, by the processor's identification, and the kernel's word for it where that is another one. */
const cpuFeatures = new Map<string, string>([
  ...'fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 clflush mmx fxsr sse sse2 ht pni monitor ssse3 cx16 sse4_1 sse4_2 movbe popcnt aes xsave avx f16c rdrand bmi1 avx2 bmi2 rdseed adx sha_ni syscall rdtscp lm lahf_lm abm'
    .split(' ')
    .map((name): [string, string] => [name, name]),
  ['pclmul', 'pclmulqdq'],
  ['fma3', 'fma'],
  ['osxsave', 'xsave'],
  ['constant_tsc', 'nonstop_tsc'],
]);

/** Of x86 alone, as under systemd. What the kernel has switched off is not there. */
function hasCpuFeature(feature: string, cpuinfo: string): boolean {
  const [, flags = ''] = /^flags\s*:(.*)$/m.exec(cpuinfo) ?? [];
  return flags.split(' ').includes(cpuFeatures.get(feature) ?? '');
}

function isRelease(value: string, release: string | null): boolean | null {
  const terms = splitReleaseTerms(value);
  if (terms === null || release === null) return null;
  const fields = parseEnvironmentFile(release);
  return terms.every(({ key, test }) => passes(fields[key] ?? '', test));
}

/** Version 1 has some for which version 2 has other names. */
const controllersOf1 = ['cpu', 'cpuacct', 'blkio', 'memory', 'devices', 'pids'];
const controllersOf2 = ['cpu', 'cpuset', 'io', 'memory', 'pids'];

function parseControllers(text: string): Parsed<string> {
  if (text === 'v1' || text === 'v2') return { value: text };
  const names = text.split(/\s+/);
  const known = [...new Set([...controllersOf1, ...controllersOf2])];
  return names.every((name) => known.includes(name))
    ? { value: names.join(' ') }
    : { error: `is none of v1, v2, or controllers (${known.join(', ')})` };
}

async function hasControllers(value: string, files: MachineFiles): Promise<boolean> {
  const root = '/sys/fs/cgroup';
  const unified = await files.text(`${root}/cgroup.controllers`);
  if (value === 'v1' || value === 'v2') return (unified !== null) === (value === 'v2');
  const mounted = unified === null ? ((await files.entries(root)) ?? []) : unified.trim().split(' ');
  const possible = unified === null ? controllersOf1 : controllersOf2;
  return value.split(' ').every((name) => possible.includes(name) && mounted.includes(name));
}

const windows = { '10sec': 'avg10', '1min': 'avg60', '5min': 'avg300' } as const;

interface PressureBound {
  /** The most that it may be, percent. */
  percent: number;
  average: (typeof windows)[keyof typeof windows];
}

/** `10%`, or `10%/1min`: the share of time for which something waited, at most. */
function parsePressure(text: string): Parsed<PressureBound> {
  if (text.includes(':')) return { error: 'is about a slice, and there are none: leave it out for the whole machine' };
  const [amount = '', window = '5min', ...more] = text.split('/').map((part) => part.trim());
  const share = parseShare(amount);
  if (share === null || more.length > 0) return { error: 'is no pressure, such as 10% or 10%/1min' };
  if ('error' in share) return share;
  if (!(window in windows)) return { error: `has none of the windows ${Object.keys(windows).join(', ')}` };
  return { value: { percent: share.value * 100, average: windows[window as keyof typeof windows] } };
}

/** A kernel that does not measure it is under no pressure. */
function isBelow(value: string, line: 'some' | 'full', pressure: string | null): boolean | null {
  const bound = parsePressure(value);
  if ('error' in bound) return null;
  const [, averages] = new RegExp(`^${line} (.*)$`, 'm').exec(pressure ?? '') ?? [];
  const [, now = '0'] = new RegExp(`${bound.value.average}=([0-9.]+)`).exec(averages ?? '') ?? [];
  return Number(now) <= bound.value.percent;
}
