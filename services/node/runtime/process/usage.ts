/** What a unit's processes use: of its control groups where they tell, else added up over its processes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { UnitUsage } from '../../../../shared/protocol/node.ts';
import { membersOf } from './processTree.ts';
import type { ShimRecord } from './shim.ts';

/** USER_HZ and the size of a page are these on every Linux that Node runs on, but for pages of arm64 with 16 or 64 KiB. */
const ticksPerSecond = 100;
const pageBytes = 4096;

/** Null where nothing of it runs. */
export async function usageOf(record: ShimRecord): Promise<UnitUsage | null> {
  const pids = await membersOf(record);
  const processes = pids.sort((a, b) => a - b).flatMap((pid) => processUsage(pid) ?? []);
  if (processes.length === 0) return null;
  const sum = (of: (usage: ProcessUsage) => number) => processes.reduce((total, usage) => total + of(usage), 0);
  return {
    memoryBytes: memoryIn(record.limits) ?? sum(({ memoryBytes }) => memoryBytes),
    cpuMs: cpuIn(record.group) ?? sum(({ cpuMs }) => cpuMs),
    tasks: sum(({ threads }) => threads),
    processes: processes.map(({ pid, command }) => ({ pid, command })),
    ...groupOf(record, processes),
  };
}

/** The group's name: where it is mounted is left out. */
function groupOf({ group }: ShimRecord, [first]: ProcessUsage[]): Pick<UnitUsage, 'group'> {
  const names = (first && readOrNull(`/proc/${first.pid}/cgroup`))?.split('\n').map((line) => line.split(':')[2]);
  const name = names?.find((each) => each !== undefined && each !== '/' && group?.endsWith(each));
  return name === undefined ? {} : { group: name };
}

interface ProcessUsage {
  pid: number;
  command: string;
  memoryBytes: number;
  cpuMs: number;
  threads: number;
}

/** proc_pid_stat(5): fields 14 to 17 are its time and that of the children it has waited for, 20 its threads, 24 its pages. */
function processUsage(pid: number): ProcessUsage | null {
  const stat = readOrNull(`/proc/${pid}/stat`);
  if (stat === null) return null;
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]);
  const ticks = field(14) + field(15) + field(16) + field(17);
  return {
    pid,
    // As ps(1) has it of what has no arguments, such as one that is just being executed.
    command: (readOrNull(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim() || `[${nameIn(stat)}]`,
    memoryBytes: Math.max(0, field(24)) * pageBytes,
    cpuMs: (ticks * 1000) / ticksPerSecond,
    threads: field(20),
  };
}

function nameIn(stat: string): string {
  return stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
}

function memoryIn(groups: readonly string[]): number | undefined {
  for (const group of groups) {
    const text = readOrNull(join(group, 'memory.current')) ?? readOrNull(join(group, 'memory.usage_in_bytes'));
    if (text !== null) return Number(text);
  }
  return undefined;
}

/** Every group of version 2 counts time, with or without controllers. */
function cpuIn(group: string | undefined): number | undefined {
  const text = group === undefined ? null : readOrNull(join(group, 'cpu.stat'));
  const [, usec] = /^usage_usec (\d+)$/m.exec(text ?? '') ?? [];
  return usec === undefined ? undefined : Number(usec) / 1000;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It has ended meanwhile, or this kernel has no such file.
    return null;
  }
}
