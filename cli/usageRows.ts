/** What a unit uses, as `systemctl status` has it. */
import type { Bus } from '../shared/bus/bus.ts';
import { bytesOf, type ResourceControl, tasksIn } from '../shared/domain/resourceControl.ts';
import type { UnitSpec } from '../shared/domain/unitSpec.ts';
import type { MemoryAmount } from '../shared/domain/values.ts';
import { decodeJson, encodeJson } from '../shared/protocol/json.ts';
import type { ActivityRequest, UnitUsage, UsageReply } from '../shared/protocol/node.ts';
import { subjects } from '../shared/protocol/subjects.ts';

const answerTimeoutMs = 1_500;

/** Where the machine does not say, nothing of it runs as far as anybody can tell. */
export async function askUsage(bus: Bus, machine: string, unit: string): Promise<UsageReply> {
  const request: ActivityRequest = { unit };
  try {
    const reply = await bus.request(subjects.usage(machine), encodeJson(request), { timeoutMs: answerTimeoutMs });
    return decodeJson(reply.data) as UsageReply;
  } catch {
    // A machine that is away must not keep the rest from being shown.
    return { usage: null };
  }
}

/** What a unit may use at most. */
export interface Limits {
  memory: [name: string, amount: MemoryAmount][];
  tasks: ResourceControl['tasksMax'];
}

export const noLimits: Limits = { memory: [], tasks: undefined };

/** Of a container that is limited by its docker line, too. */
export function limitsOf({ service, resources }: UnitSpec): Limits {
  const { memoryMin, memoryLow, memoryHigh, memoryMax, memorySwapMax, tasksMax } = service?.control ?? {};
  const ofLine = resources.memoryBytes === undefined ? undefined : { bytes: resources.memoryBytes };
  const amounts: [string, MemoryAmount | undefined][] = [
    ['min', memoryMin],
    ['low', memoryLow],
    ['high', memoryHigh],
    ['max', memoryMax ?? ofLine],
    ['swap max', memorySwapMax],
  ];
  return {
    memory: amounts.flatMap(([name, amount]) => (amount === undefined ? [] : [[name, amount]])),
    tasks: tasksMax,
  };
}

const mostProcesses = 20;

/** Name and value of each line; a line without a name goes on with the one above. */
export function usageRows(
  { tasks, memoryBytes, cpuMs, processes, group }: UnitUsage,
  limits: Limits = noLimits,
  whole?: UsageReply['whole'],
): [name: string, value: string][] {
  const lines = group === undefined ? tree(processes) : [group, ...tree(processes)];
  const listed = group === undefined ? 'Processes' : 'CGroup';
  const rows: [string, string | undefined][] = [
    ['Tasks', tasks === undefined ? undefined : `${tasks}${taskLimit(limits, whole)}`],
    ['Memory', memoryBytes === undefined ? undefined : `${formatBytes(memoryBytes)}${memoryLimit(limits, whole)}`],
    ['CPU', cpuMs === undefined ? undefined : formatCpu(cpuMs)],
    ...lines.map((line, index): [string, string] => [index === 0 ? listed : '', line]),
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
}

/** ` (limit: 20)`. */
function taskLimit({ tasks }: Limits, whole: UsageReply['whole']): string {
  if (tasks === undefined || tasks === 'infinity') return '';
  if (whole !== undefined) return ` (limit: ${tasksIn(tasks, whole.tasks)})`;
  return ` (limit: ${'count' in tasks ? tasks.count : percent(tasks.fraction)})`;
}

/** ` (high: 80.0M max: 1.5G)`; where nobody knows how much the machine has, ` (max: 10%)`. */
function memoryLimit({ memory }: Limits, whole: UsageReply['whole']): string {
  const shown = memory.map(([name, amount]) => `${name}: ${formatAmount(amount, whole?.memoryBytes)}`);
  return shown.length === 0 ? '' : ` (${shown.join(' ')})`;
}

function formatAmount(amount: MemoryAmount, machineBytes: number | undefined): string {
  if (amount === 'infinity') return amount;
  if (machineBytes !== undefined) return formatBytes(Number(bytesOf(amount, machineBytes)));
  return 'bytes' in amount ? formatBytes(amount.bytes) : percent(amount.fraction);
}

function percent(fraction: number): string {
  return `${Number((fraction * 100).toFixed(2))}%`;
}

function tree(processes: UnitUsage['processes']): string[] {
  const shown = processes.slice(0, mostProcesses);
  const rest = processes.length - shown.length;
  const lines = shown.map(({ pid, command }) => `${pid} ${command}`);
  const all = rest > 0 ? [...lines, `… and ${rest} more`] : lines;
  return all.map((line, index) => `${index === all.length - 1 ? '└─' : '├─'}${line}`);
}

/** `1.5M`, binary, as systemd shows sizes. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T', 'P'];
  const rank = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  return rank === 0 ? `${bytes}B` : `${(Math.floor((bytes / 1024 ** rank) * 10) / 10).toFixed(1)}${units[rank]}`;
}

/** `12ms`, `3.250s`, `2min 5s`. */
export function formatCpu(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(3)}s`;
  const seconds = Math.floor(ms / 1_000);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  return `${hours > 0 ? `${hours}h ` : ''}${minutes}min ${seconds % 60}s`;
}
