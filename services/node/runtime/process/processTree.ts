/** What a shim started: its command, and the members of its control group or, where it has none, of its session. */
import { constants } from 'node:os';
import { type Clock, delay } from '../../../../shared/clock/clock.ts';
import { groupMembers, removeGroup } from './controlGroup.ts';
import { isAlive, type ProcessIdentity, readProcess, sessionMembers } from './processTable.ts';
import { readRecord } from './shim.ts';

export interface ProcessTree {
  /** Not itself a member: it must live to tell how the command ended. */
  shim: ProcessIdentity;
  mainPid?: number;
  group?: string;
}

/** How long processes that were sent SIGKILL may take to die. */
const killTimeoutMs = 10_000;
const { SIGKILL } = constants.signals;

/** Sends a signal to each process of the tree once. */
export async function signalTree(tree: ProcessTree, signal: number): Promise<void> {
  const told = new Set<number>();
  // What they fork meanwhile is found in the next round.
  for (let round = 0; round < 10; round++) {
    const members = (await membersOf(tree)).filter((pid) => !told.has(pid));
    if (members.length === 0) return;
    for (const pid of members) {
      told.add(pid);
      sendSignal(pid, signal);
    }
  }
}

/** Resolves when nothing of the tree is left, with false when `abort` fires before. */
export async function untilEmpty(tree: ProcessTree, clock: Clock, abort: AbortSignal): Promise<boolean> {
  for (let waitMs = 2; ; waitMs = Math.min(2 * waitMs, 100)) {
    if ((await membersOf(tree)).length === 0) return true;
    if (abort.aborted) return false;
    await delay(clock, waitMs, abort);
  }
}

/** Those that run now, without the shim. */
export async function membersOf({ shim, mainPid, group }: ProcessTree): Promise<number[]> {
  const members = group === undefined ? sessionMembers(shim) : await groupMembers(group);
  // A command may leave its session (setsid); while the shim waits for it, nobody else has its pid.
  if (mainPid !== undefined && isAlive(shim)) members.push(mainPid);
  return [...new Set(members)].filter((pid) => pid !== shim.pid && readProcess(pid) !== null);
}

/** Nothing happens when there is no such process any more. */
export function sendSignal(pid: number, signal: number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Kills what the shim that wrote this record has started, and waits until all of it and the shim are gone.
 * @throws {Error} some of it does not die (it hangs in the kernel).
 */
export async function destroyTree(recordPath: string, bootId: string, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicNow() + killTimeoutMs;
  for (let waitMs = 1; ; waitMs = Math.min(2 * waitMs, 50)) {
    // Read again each time: a shim that has only begun has not said everything yet.
    const record = await readRecord(recordPath);
    if (record === null || record.bootId !== bootId) return;
    await signalTree(record, SIGKILL);
    if (record.mainPid === undefined && isAlive(record.shim)) sendSignal(record.shim.pid, SIGKILL);
    const members = await membersOf(record);
    if (members.length === 0 && !isAlive(record.shim)) return;
    if (clock.monotonicNow() > deadlineMs)
      throw new Error(`SIGKILL does not end these processes: ${members.join(', ')}`);
    await delay(clock, waitMs);
  }
}

/**
 * Kills what is in a control group, also what no record tells of (a daemon that an ExecStartPre= left), and removes it.
 * @throws {Error} some of it does not die.
 */
export async function destroyGroup(group: string, clock: Clock): Promise<void> {
  const deadlineMs = clock.monotonicNow() + killTimeoutMs;
  while (!(await removeGroup(group))) {
    const members = await groupMembers(group);
    for (const pid of members) sendSignal(pid, SIGKILL);
    if (clock.monotonicNow() > deadlineMs)
      throw new Error(`SIGKILL does not end these processes: ${members.join(', ')}`);
    await delay(clock, 5);
  }
}
