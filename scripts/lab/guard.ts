/**
 * A lab runs in a process of its own inside the lab's network, where it reaches all hosts and nothing else does. This
 * one stays outside, and removes the lab however that process ends.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findOrFetchNatsServer } from '../../shared/embedded/fetchNatsServer.ts';
import { runCommand } from '../../shared/embedded/runCommand.ts';
import { createLabRecord, deadLabs, type LabRecord, namespaceName, namespacePath } from './labRecord.ts';
import { operator } from './network.ts';
import { requireTools } from './requirements.ts';
import { tearDown } from './teardown.ts';

/** What the process inside is told. */
export interface LabSeat extends LabRecord {
  natsServer: string;
  /** A process that is in the machine's own network, with which packages can be fetched. */
  outside: number;
}

const variable = 'FLOTILLA_LAB';
const timeoutMs = 30_000;
const interrupted = 130;

/**
 * Runs `inside` in a new lab's network, by starting this same program again in there. Resolves with its exit code when
 * the lab is gone. Needs root.
 */
export async function runInLab(inside: (seat: LabSeat) => Promise<number>): Promise<number> {
  const text = process.env[variable];
  if (text === undefined) return guard();
  endWithGuard();
  // At once: what was started goes on, and is not waited for.
  process.exit(await inside(JSON.parse(text) as LabSeat));
}

async function guard(): Promise<number> {
  await requireTools();
  const progress = (line: string) => console.error(line);
  for (const dead of await deadLabs()) {
    progress(`removing lab ${dead.id}, which was left behind`);
    await tearDown(dead);
  }
  const { path: natsServer } = await findOrFetchNatsServer({ progress });
  const lab = await createLabRecord();
  try {
    await runCommand('ip', ['netns', 'add', namespaceName(lab, operator)], { timeoutMs });
    return await runInside({ ...lab, natsServer, outside: process.pid });
  } finally {
    await tearDown(lab);
  }
}

/** A signal ends the process inside at once: nothing in a lab has to be ended in good order. */
async function runInside(seat: LabSeat): Promise<number> {
  const args = [
    `--net=${namespacePath(seat, operator)}`,
    process.execPath,
    ...process.execArgv,
    ...process.argv.slice(1),
  ];
  const child = spawn('nsenter', args, { stdio: 'inherit', env: { ...process.env, [variable]: JSON.stringify(seat) } });
  const end = () => child.kill('SIGKILL');
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of signals) process.on(name, end);
  const [code] = await once(child, 'exit');
  for (const name of signals) process.off(name, end);
  return code ?? interrupted;
}

/** Without its guard the lab has nobody to remove it; the next one to start does. */
function endWithGuard(): void {
  const guardPid = process.ppid;
  setInterval(() => {
    if (process.ppid !== guardPid) process.exit(1);
  }, 500).unref();
}
