/** What a unit uses, as `systemctl status` has it. */
import type { Bus } from '../shared/bus/bus.ts';
import { decodeJson, encodeJson } from '../shared/protocol/json.ts';
import type { ActivityRequest, UnitUsage, UsageReply } from '../shared/protocol/node.ts';
import { subjects } from '../shared/protocol/subjects.ts';

const answerTimeoutMs = 1_500;

/** Null: nothing of it runs, or the machine does not say. */
export async function askUsage(bus: Bus, machine: string, unit: string): Promise<UnitUsage | null> {
  const request: ActivityRequest = { unit };
  try {
    const reply = await bus.request(subjects.usage(machine), encodeJson(request), { timeoutMs: answerTimeoutMs });
    return (decodeJson(reply.data) as UsageReply).usage;
  } catch {
    // A machine that is away must not keep the rest from being shown.
    return null;
  }
}

const mostProcesses = 20;

/** Name and value of each line; a line without a name goes on with the one above. */
export function usageRows({ tasks, memoryBytes, cpuMs, processes }: UnitUsage): [name: string, value: string][] {
  const rows: [string, string | undefined][] = [
    ['Tasks', tasks?.toString()],
    ['Memory', memoryBytes === undefined ? undefined : formatBytes(memoryBytes)],
    ['CPU', cpuMs === undefined ? undefined : formatCpu(cpuMs)],
    ...tree(processes).map((line, index): [string, string] => [index === 0 ? 'Processes' : '', line]),
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
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
