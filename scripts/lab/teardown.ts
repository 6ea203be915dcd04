/**
 * Removes everything that a lab has made, found by the lab's id alone: so it does not matter how the lab ended, nor when.
 */
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isSystemError } from '../../shared/embedded/files.ts';
import { runCommand } from '../../shared/embedded/runCommand.ts';
import { type LabRecord, namespaceName, namespacesDir } from './labRecord.ts';
import { killAll, processesWithin } from './processes.ts';

const timeoutMs = 30_000;
const pollMs = 50;

export async function tearDown(lab: LabRecord): Promise<void> {
  // Its network's processes, and those of its containers, whose networks are their own.
  const paths = (await namespacesOf(lab)).map((name) => join(namespacesDir, name));
  await killAll(() => processesWithin(paths, `/${basename(lab.dir)}/`));
  await unmountAll(lab);
  for (const name of await namespacesOf(lab)) await runCommand('ip', ['netns', 'delete', name], { timeoutMs });
  await removeControlGroups(lab);
  await rm(lab.dir, { recursive: true, force: true, maxRetries: 5 });
}

async function namespacesOf(lab: LabRecord): Promise<string[]> {
  try {
    return (await readdir(namespacesDir)).filter((name) => name.startsWith(namespaceName(lab, '')));
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

/** The last mounted first, since mounts stand on mounts. Loop devices go with their mounts. */
async function unmountAll({ dir }: LabRecord): Promise<void> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n');
  const targets = lines.map((line) => line.split(' ')[4] ?? '').filter((target) => target.startsWith(`${dir}/`));
  for (const target of targets.reverse()) await runCommand('umount', ['--lazy', target], { timeoutMs });
}

/** What containers and units had; the deepest first. A group whose last process is just ending is waited for. */
async function removeControlGroups({ id }: LabRecord): Promise<void> {
  const find = ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*${id}*`];
  const groups = (await runCommand('find', find, { timeoutMs })).split('\n').filter(Boolean);
  for (const group of groups) await removeGroup(group);
}

async function removeGroup(group: string): Promise<void> {
  const deadline = AbortSignal.timeout(timeoutMs);
  for (;;) {
    try {
      return await rmdir(group);
    } catch (error) {
      if (isSystemError(error, 'ENOENT')) return;
      if (!isSystemError(error, 'EBUSY') || deadline.aborted) throw error;
    }
    await sleep(pollMs);
  }
}
