/** What a unit may use of its machine: systemd.resource-control(5). The scheduler reserves `MemoryMax=` and `CPUQuota=`. */
import { parseCpuSet } from './cpuSets.ts';
import type { DirectiveReader } from './directiveReader.ts';
import { parseMicroseconds } from './timeSpan.ts';
import {
  type MemoryAmount,
  type Parsed,
  parseMemory,
  parseMemoryOrNone,
  parsePercent,
  parseShare,
  parseWholeBetween,
  wholeNumber,
} from './values.ts';

/** Absent: not stated, or infinity where that is what not stating it means. */
export interface ResourceControl {
  memoryMax?: MemoryAmount;
  memoryHigh?: MemoryAmount;
  memoryLow?: MemoryAmount;
  memoryMin?: MemoryAmount;
  memorySwapMax?: MemoryAmount;
  /** `OOMPolicy=kill`: the kernel kills all processes of the group together. */
  oomGroup?: true;
  /** 1 is one core. */
  cpuQuota?: number;
  cpuPeriodUs?: number;
  /** 1 to 10000; `idle` runs only when nobody else does. */
  cpuWeight?: number | 'idle';
  ioWeight?: number;
  /** A share is one of all the machine's, at least one task. */
  tasksMax?: { count: number } | { fraction: number } | 'infinity';
  allowedCpus?: number[];
  allowedMemoryNodes?: number[];
}

const section = 'Service';
const amounts = {
  memoryHigh: { name: 'MemoryHigh', parse: parseMemory },
  memoryLow: { name: 'MemoryLow', parse: parseMemoryOrNone },
  memoryMin: { name: 'MemoryMin', parse: parseMemoryOrNone },
  memorySwapMax: { name: 'MemorySwapMax', parse: parseMemoryOrNone },
} as const;

export function readResourceControl(reader: DirectiveReader): ResourceControl {
  const value = <T>(name: string | string[], parse: (text: string) => Parsed<T>) =>
    reader.value<T | undefined>(section, name, parse, undefined);
  const control: ResourceControl = {};
  // Its mistakes are told where what it reserves is read.
  const memory = reader.last(section, 'MemoryMax', 'MemoryLimit');
  const memoryMax = memory && parseMemory(memory.value);
  if (memoryMax && 'value' in memoryMax) control.memoryMax = memoryMax.value;
  const quota = reader.last(section, 'CPUQuota');
  const cpuQuota = quota && parsePercent(quota.value);
  if (cpuQuota && 'value' in cpuQuota && cpuQuota.value > 0) control.cpuQuota = cpuQuota.value;
  for (const key of ['memoryHigh', 'memoryLow', 'memoryMin', 'memorySwapMax'] as const) {
    const amount = value(amounts[key].name, amounts[key].parse);
    if (amount !== undefined) control[key] = amount;
  }
  if (reader.last(section, 'OOMPolicy')?.value === 'kill') control.oomGroup = true;
  const cpuPeriodUs = value('CPUQuotaPeriodSec', parsePeriod);
  const cpuWeight = value(['CPUWeight'], parseCpuWeight);
  const ioWeight = value('IOWeight', parseWholeBetween(1, 10_000));
  const tasksMax = value('TasksMax', parseTasks);
  const allowedCpus = readSet(reader, 'AllowedCPUs');
  const allowedMemoryNodes = readSet(reader, 'AllowedMemoryNodes');
  return {
    ...control,
    ...(cpuPeriodUs === undefined || cpuPeriodUs === null ? {} : { cpuPeriodUs }),
    ...(cpuWeight === undefined ? {} : { cpuWeight }),
    ...(ioWeight === undefined ? {} : { ioWeight }),
    ...(tasksMax === undefined ? {} : { tasksMax }),
    ...(allowedCpus.length > 0 ? { allowedCpus } : {}),
    ...(allowedMemoryNodes.length > 0 ? { allowedMemoryNodes } : {}),
  };
}

function readSet(reader: DirectiveReader, name: string): number[] {
  const sets = reader.list(section, name).map((option) => reader.parse(option, option.value, parseCpuSet, []));
  return [...new Set(sets.flat())].sort((a, b) => a - b);
}

/** Null: the default, 100 ms. The kernel takes 1 ms to 1 s. */
function parsePeriod(text: string): Parsed<number | null> {
  const span = parseMicroseconds(text);
  if (span === null) return { error: 'is no time span, such as 10ms' };
  return { value: span === 'infinity' ? null : Math.min(Math.max(Number(span), 1_000), 1_000_000) };
}

function parseCpuWeight(text: string): Parsed<number | 'idle'> {
  return text === 'idle' ? { value: text } : parseWholeBetween(1, 10_000)(text);
}

function parseTasks(text: string): Parsed<NonNullable<ResourceControl['tasksMax']>> {
  if (text === 'infinity') return { value: text };
  const share = parseShare(text);
  if (share !== null) return mapValue(share, (fraction) => ({ fraction }));
  const count = wholeNumber(text);
  if (count === null || count > Number.MAX_SAFE_INTEGER)
    return { error: 'is no number of tasks, such as 100, 20% or infinity' };
  return count > 0n ? { value: { count: Number(count) } } : { error: 'leaves no task to run' };
}

function mapValue<A, B>(parsed: Parsed<A>, change: (value: A) => B): Parsed<B> {
  return 'error' in parsed ? parsed : { value: change(parsed.value) };
}

/** In bytes on a machine with so much memory; `infinity` where there is no limit. */
export function bytesOf(amount: MemoryAmount, machineBytes: number): number | 'infinity' {
  if (amount === 'infinity') return amount;
  return 'bytes' in amount ? amount.bytes : Math.floor(amount.fraction * machineBytes);
}

/** How many, on a machine that can have so many. */
export function tasksIn(most: { count: number } | { fraction: number }, machineTasks: number): number {
  return 'count' in most ? most.count : Math.max(1, Math.floor(most.fraction * machineTasks));
}
