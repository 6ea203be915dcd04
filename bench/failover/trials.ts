/** The trial that both take: a machine with some of the programs is cut off; when does each of them run elsewhere? */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRuns } from '../../scripts/lab/checks/counters.ts';
import type { Lab, Machine } from '../../scripts/lab/lab.ts';
import { recordDir } from '../../scripts/lab/workload/units.ts';

/** What the machine leads that is cut off. */
export type Leads = 'nothing' | 'decisions' | 'all';

/** Whoever keeps the programs running. */
export interface Contender {
  name: string;
  /** Starts the programs, as many on each machine, none of which runs; resolves when all run. */
  start(programs: readonly string[]): Promise<void>;
  stop(programs: readonly string[]): Promise<void>;
  /** What it calls the machines in what the programs write down. */
  nameOf(machine: Machine): string;
  /** A machine that leads this; `decisions`: but no log, where those are led apart. */
  victim(leads: Leads): Promise<Machine>;
  /** Resolves when it is well again with all machines. */
  recover(): Promise<void>;
}

const machinesEach = 4;
const timeoutMs = 180_000;

/** Seconds from cutting off the machine until the last of its programs has started elsewhere, by the programs' own word. */
export async function trial(lab: Lab, contender: Contender, round: string, leads: Leads): Promise<number> {
  const count = machinesEach * lab.machines.length;
  const programs = Array.from({ length: count }, (_, index) => `${contender.name}-${round}-${index + 1}`);
  await contender.start(programs);
  const victim = await contender.victim(leads);
  const name = contender.nameOf(victim);
  const lost = await programsOn(lab, programs, name);
  if (lost.length === 0) throw new Error(`${victim.host} runs none of the programs`);
  const cutAt = await uptime();
  await lab.network.cut(victim.host);
  const startedAt = await startedElsewhere(lab, lost, name, cutAt);
  await lab.network.heal(victim.host);
  await contender.recover();
  await contender.stop(programs);
  return startedAt - cutAt;
}

/** When the last of them has started on another machine. */
async function startedElsewhere(lab: Lab, programs: readonly string[], dead: string, since: number): Promise<number> {
  const deadline = AbortSignal.timeout(timeoutMs);
  for (;;) {
    const runs = (await readRuns(recordDir(lab.seat))).filter(({ machine, from }) => machine !== dead && from >= since);
    const starts = programs.map((program) => runs.find(({ unit }) => unit === file(program))?.from);
    if (starts.every((start) => start !== undefined)) return Math.max(...starts);
    if (deadline.aborted) throw new Error(`not all programs of ${dead} run elsewhere after ${timeoutMs / 1000} s`);
    await sleep(50);
  }
}

async function programsOn(lab: Lab, programs: readonly string[], machine: string): Promise<string[]> {
  const now = await uptime();
  const runs = (await readRuns(recordDir(lab.seat))).filter((run) => run.machine === machine && run.to > now - 2);
  return programs.filter((program) => runs.some(({ unit }) => unit === file(program)));
}

/** Resolves when the programs' own record says that each runs. */
export async function allRun(lab: Lab, programs: readonly string[]): Promise<void> {
  const deadline = AbortSignal.timeout(timeoutMs);
  for (;;) {
    const runs = await readRuns(recordDir(lab.seat));
    const waiting = programs.filter((program) => !runs.some(({ unit }) => unit === file(program)));
    if (waiting.length === 0) return;
    if (deadline.aborted) throw new Error(`${waiting.join(', ')} did not start within ${timeoutMs / 1000} s`);
    await sleep(100);
  }
}

/** As the counter names its record. */
export function file(program: string): string {
  return `${program}.service`;
}

async function uptime(): Promise<number> {
  return Number((await readFile('/proc/uptime', 'utf8')).split(' ')[0]);
}
