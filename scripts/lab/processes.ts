/** Processes of this machine, as /proc tells of them: proc(5). */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '../../shared/embedded/files.ts';

export interface FoundProcess {
  pid: number;
  /** Its arguments. */
  argv: string[];
  /** `net:[4026531840]` */
  network: string;
  /** What `/proc/<pid>/cgroup` says. */
  groups: string;
}

/** All processes but zombies, kernel threads, and those that end while they are looked at. */
export async function listProcesses(): Promise<FoundProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(describe))).flat();
}

async function describe(pid: number): Promise<FoundProcess[]> {
  try {
    const [command, network, groups] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readlink(`/proc/${pid}/ns/net`),
      readFile(`/proc/${pid}/cgroup`, 'utf8'),
    ]);
    return [{ pid, argv: command.split('\0').slice(0, -1), network, groups }];
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].some((code) => isSystemError(error, code))) return [];
    throw error;
  }
}

/** Sends a signal; nothing when the process has ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}

/** The processes in these network namespaces (files of `ip netns`), and those in control groups below `group`. */
export async function processesWithin(namespaces: readonly string[], group: string): Promise<FoundProcess[]> {
  const networks = new Set(await Promise.all(namespaces.map(async (path) => `net:[${(await stat(path)).ino}]`)));
  const found = await listProcesses();
  return found.filter(
    ({ pid, network, groups }) => pid !== process.pid && (networks.has(network) || groups.includes(group)),
  );
}

const deathTimeoutMs = 30_000;
const pollMs = 50;

/** SIGKILL until none of them is left: one that is killed may have started another a moment before. */
export async function killAll(find: () => Promise<FoundProcess[]>): Promise<void> {
  const deadline = AbortSignal.timeout(deathTimeoutMs);
  for (;;) {
    const found = await find();
    if (found.length === 0) return;
    if (deadline.aborted) throw new Error(`processes ${found.map(({ pid }) => pid).join(', ')} do not end`);
    for (const { pid } of found) signal(pid, 'SIGKILL');
    await sleep(pollMs);
  }
}
