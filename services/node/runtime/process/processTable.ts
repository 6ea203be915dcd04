/** The kernel's table of processes, proc_pid_stat(5). Reads are synchronous: procfs answers from memory. */
import { readdirSync, readFileSync } from 'node:fs';

/** Pids are used again; together with the start time (clock ticks since boot) one names a process for good. */
export interface ProcessIdentity {
  pid: number;
  startTime: number;
}

export interface ProcessStat extends ProcessIdentity {
  /** `R`, `S`, `Z` … */
  state: string;
  session: number;
  /** The kernel's PF_* bits. */
  flags: number;
}

/** Kernel: "Forked but didn't exec". */
const PF_FORKNOEXEC = 0x40;

/** Reads a line of /proc/<pid>/stat; null where it is none. The name in it may itself hold blanks and brackets. */
export function parseStat(line: string): ProcessStat | null {
  const nameEnd = line.lastIndexOf(') ');
  if (nameEnd < 0) return null;
  const fields = line.slice(nameEnd + 2).split(' ');
  // The first of these is field 3 of the manual page.
  const field = (number: number) => Number(fields[number - 3]);
  const pid = Number.parseInt(line, 10);
  return { pid, state: fields[0] ?? '', session: field(6), flags: field(9), startTime: field(22) };
}

/** Null: there is no such process, or it has ended and only waits for its parent to notice. */
export function readProcess(pid: number): ProcessStat | null {
  const text = readProc(`/proc/${pid}/stat`);
  const stat = text === null ? null : parseStat(text);
  return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : stat;
}

export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  return readProcess(pid)?.startTime === startTime;
}

/** Whether that process has become the program that it was forked for. */
export function hasExecuted(pid: number): boolean {
  const stat = readProcess(pid);
  return stat !== null && (stat.flags & PF_FORKNOEXEC) === 0;
}

/**
 * The other processes of the session that `leader` began, also after the leader's end. The kernel gives a pid to nobody
 * else while a session of that number has members; when it has been given out again, none of them is left.
 */
export function sessionMembers(leader: ProcessIdentity): number[] {
  const now = readProcess(leader.pid);
  if (now !== null && now.startTime !== leader.startTime) return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((stat) => stat !== null)
    .filter((stat) => stat.session === leader.pid && stat.pid !== leader.pid && stat.startTime >= leader.startTime)
    .map((stat) => stat.pid);
}

/** A new one at each boot of the machine. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // ESRCH: it ended between the opening and the reading.
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}
