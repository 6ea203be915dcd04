import { readFile } from 'node:fs/promises';
import { isSystemError, readIfThere } from './files.ts';
import { runCommand } from './runCommand.ts';

/** A process, told apart from a later one that got the same pid. */
export interface ProcessIdentity {
  pid: number;
  startTime: string;
}

/**
 * Who a process is, or null when there is none of that pid. A zombie is none: it has ended. Not so one whose first thread
 * alone has ended: the others may still hold its files, and its ports.
 */
export async function identify(pid: number): Promise<ProcessIdentity | null> {
  const startTime = process.platform === 'linux' ? await linuxStartTime(pid) : await psStartTime(pid);
  return startTime === null ? null : { pid, startTime };
}

/** Whether exactly this process still runs. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.startTime === identity.startTime;
}

/** SIGKILL to exactly this process; nothing when it has ended. */
export async function killIdentified(identity: ProcessIdentity): Promise<boolean> {
  if (!(await isAlive(identity))) return false;
  try {
    process.kill(identity.pid, 'SIGKILL');
    return true;
  } catch (error) {
    if (isSystemError(error, 'ESRCH')) return false;
    throw error;
  }
}

/** Boot id and clock ticks since that boot: proc_pid_stat(5), fields 3 (state), 20 (num_threads) and 22 (starttime). */
async function linuxStartTime(pid: number): Promise<string | null> {
  const stat = await readIfThere(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The second field, the program's name in brackets, may itself hold blanks and brackets.
  const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const threads = Number(fields[16]);
  if (state === 'X' || (state === 'Z' && threads <= 1)) return null;
  const bootId = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
  return `${bootId.slice(0, 8)}/${fields[18] ?? ''}`;
}

async function psStartTime(pid: number): Promise<string | null> {
  const lines = await runCommand('ps', ['-A', '-o', 'pid=,lstart='], { timeoutMs: 5_000 });
  const line = lines.split('\n').find((text) => text.trimStart().startsWith(`${pid} `));
  return line?.trim().slice(String(pid).length).trim() ?? null;
}
