/** What a unit's container uses, as the engine tells: its stats once, and its processes. */
import type { UnitUsage } from '../../../../shared/protocol/node.ts';
import { type Engine, isConflict, isMissing } from './engine.ts';

/** The parts of the answers that are read: Engine API, ContainerStats and ContainerTop. */
interface Stats {
  memory_stats?: { usage?: number; stats?: Record<string, number> };
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  pids_stats?: { current?: number };
}
interface Top {
  Titles?: string[];
  Processes?: string[][];
}

/** Null where it does not run any more. */
export async function usageOfContainer(engine: Pick<Engine, 'request'>, container: string): Promise<UnitUsage | null> {
  const path = `/containers/${container}`;
  try {
    const [stats, top] = await Promise.all([
      engine.request({ method: 'GET', path: `${path}/stats`, query: { stream: 'false', 'one-shot': 'true' } }),
      engine.request({ method: 'GET', path: `${path}/top` }),
    ]);
    return readUsage(stats as Stats, top as Top);
  } catch (error) {
    if (isMissing(error) || isConflict(error)) return null;
    throw error;
  }
}

/** As `docker stats` counts memory: without the file cache that could be dropped at once. */
export function readUsage(stats: Stats, top: Top): UnitUsage {
  const { usage, stats: parts = {} } = stats.memory_stats ?? {};
  const cache = parts.total_inactive_file ?? parts.inactive_file ?? 0;
  const cpuNs = stats.cpu_stats?.cpu_usage?.total_usage;
  const tasks = stats.pids_stats?.current;
  const [pid, command] = ['PID', 'CMD'].map((title) => top.Titles?.indexOf(title) ?? -1);
  return {
    ...(usage === undefined ? {} : { memoryBytes: Math.max(0, usage - (cache < usage ? cache : 0)) }),
    ...(cpuNs === undefined ? {} : { cpuMs: cpuNs / 1e6 }),
    ...(tasks === undefined ? {} : { tasks }),
    processes: (top.Processes ?? []).map((row) => ({ pid: Number(row[pid ?? -1]), command: row[command ?? -1] ?? '' })),
  };
}
