/**
 * What a unit's resource control is in files of a control group: cgroups(7), and the kernel's cgroup-v1 and cgroup-v2.
 * Version 1 has one hierarchy of groups for each controller, version 2 one for all.
 */
import { formatCpuSet } from '../../../shared/domain/cpuSets.ts';
import { bytesOf, type ResourceControl, tasksIn } from '../../../shared/domain/resourceControl.ts';

export type Controller = (typeof controllers)[number];
export const controllers = ['memory', 'cpu', 'pids', 'cpuset', 'io'] as const;

export interface Setting {
  controller: Controller;
  /** Which directive asks for it, for messages. */
  directive: string;
  /** The first of these that there is. */
  files: string[];
  value: string;
}

/** Of this machine; shares are shares of it. */
export interface Whole {
  memoryBytes: number;
  tasks: number;
}

export interface Settings {
  settings: Setting[];
  /** Directives for which this version of control groups has nothing. */
  missing: string[];
}

export function controlSettings(control: ResourceControl, version: 1 | 2, whole: Whole): Settings {
  const memory = version === 2 ? memoryOf2(control, whole) : memoryOf1(control, whole);
  const cpu = version === 2 ? cpuOf2(control) : cpuOf1(control);
  return {
    settings: [...memory, ...cpu, ...tasksOf(control, whole), ...setsOf(control), ...ioOf(control, version)],
    missing: version === 2 ? [] : missingIn1(control),
  };
}

function setting(controller: Controller, directive: string, file: string | string[], value: string | number): Setting {
  return { controller, directive, files: [file].flat(), value: String(value) };
}

const memoryFiles = {
  memoryMin: ['MemoryMin', 'memory.min'],
  memoryLow: ['MemoryLow', 'memory.low'],
  memoryHigh: ['MemoryHigh', 'memory.high'],
  memoryMax: ['MemoryMax', 'memory.max'],
  memorySwapMax: ['MemorySwapMax', 'memory.swap.max'],
} as const;

function memoryOf2(control: ResourceControl, { memoryBytes }: Whole): Setting[] {
  const amounts = Object.entries(memoryFiles).flatMap(([key, [directive, file]]) => {
    const amount = control[key as keyof typeof memoryFiles];
    if (amount === undefined) return [];
    const bytes = bytesOf(amount, memoryBytes);
    return [setting('memory', directive, file, bytes === 'infinity' ? 'max' : bytes)];
  });
  // In version 1 the agent does that, when it notices.
  return control.oomGroup ? [...amounts, setting('memory', 'OOMPolicy', 'memory.oom.group', 1)] : amounts;
}

/** Version 1 limits memory, and memory together with swap. */
function memoryOf1({ memoryMax, memorySwapMax }: ResourceControl, { memoryBytes }: Whole): Setting[] {
  const max = memoryMax === undefined ? 'infinity' : bytesOf(memoryMax, memoryBytes);
  if (max === 'infinity') return [];
  const swap = memorySwapMax === undefined ? 'infinity' : bytesOf(memorySwapMax, memoryBytes);
  const both =
    swap === 'infinity' ? [] : [setting('memory', 'MemorySwapMax', 'memory.memsw.limit_in_bytes', max + swap)];
  return [setting('memory', 'MemoryMax', 'memory.limit_in_bytes', max), ...both];
}

function missingIn1({ memoryHigh, memoryLow, memoryMin, memoryMax, memorySwapMax }: ResourceControl): string[] {
  const asked: [string, boolean][] = [
    ['MemoryHigh', memoryHigh !== undefined && memoryHigh !== 'infinity'],
    ['MemoryLow', memoryLow !== undefined],
    ['MemoryMin', memoryMin !== undefined],
    [
      'MemorySwapMax',
      memorySwapMax !== undefined && memorySwapMax !== 'infinity' && (memoryMax ?? 'infinity') === 'infinity',
    ],
  ];
  return asked.flatMap(([name, isAsked]) => (isAsked ? [name] : []));
}

const defaultPeriodUs = 100_000;

/** The kernel takes no less than 1 ms of time. */
function quotaUs(quota: number, periodUs: number): number {
  return Math.max(1_000, Math.round(quota * periodUs));
}

function cpuOf2({ cpuQuota, cpuPeriodUs = defaultPeriodUs, cpuWeight }: ResourceControl): Setting[] {
  return [
    ...(cpuQuota === undefined
      ? []
      : [setting('cpu', 'CPUQuota', 'cpu.max', `${quotaUs(cpuQuota, cpuPeriodUs)} ${cpuPeriodUs}`)]),
    ...(cpuWeight === undefined
      ? []
      : [
          cpuWeight === 'idle'
            ? setting('cpu', 'CPUWeight', 'cpu.idle', 1)
            : setting('cpu', 'CPUWeight', 'cpu.weight', cpuWeight),
        ]),
  ];
}

function cpuOf1({ cpuQuota, cpuPeriodUs = defaultPeriodUs, cpuWeight }: ResourceControl): Setting[] {
  return [
    ...(cpuQuota === undefined
      ? []
      : [
          setting('cpu', 'CPUQuota', 'cpu.cfs_period_us', cpuPeriodUs),
          setting('cpu', 'CPUQuota', 'cpu.cfs_quota_us', quotaUs(cpuQuota, cpuPeriodUs)),
        ]),
    ...(cpuWeight === undefined ? [] : [setting('cpu', 'CPUWeight', 'cpu.shares', cpuShares(cpuWeight))]),
  ];
}

/** Of what others have by default: a weight of 100 is 1024 shares. */
export function cpuShares(weight: number | 'idle'): number {
  return weight === 'idle' ? 2 : Math.max(2, Math.round((weight * 1024) / 100));
}

function tasksOf({ tasksMax }: ResourceControl, whole: Whole): Setting[] {
  if (tasksMax === undefined || tasksMax === 'infinity') return [];
  return [setting('pids', 'TasksMax', 'pids.max', tasksIn(tasksMax, whole.tasks))];
}

function setsOf({ allowedCpus, allowedMemoryNodes }: ResourceControl): Setting[] {
  return [
    ...(allowedCpus === undefined ? [] : [setting('cpuset', 'AllowedCPUs', 'cpuset.cpus', formatCpuSet(allowedCpus))]),
    ...(allowedMemoryNodes === undefined
      ? []
      : [setting('cpuset', 'AllowedMemoryNodes', 'cpuset.mems', formatCpuSet(allowedMemoryNodes))]),
  ];
}

/** Version 1 counts from 10 to 1000, with 500 for what others have by default. */
export function blockWeight(weight: number): number {
  return Math.min(1_000, Math.max(10, weight * 5));
}

function ioOf({ ioWeight }: ResourceControl, version: 1 | 2): Setting[] {
  if (ioWeight === undefined) return [];
  if (version === 2) return [setting('io', 'IOWeight', ['io.weight', 'io.bfq.weight'], `default ${ioWeight}`)];
  return [setting('io', 'IOWeight', ['blkio.weight', 'blkio.bfq.weight'], blockWeight(ioWeight))];
}
