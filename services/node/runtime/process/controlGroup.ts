/**
 * A unit's own control group, cgroups(7): it holds every process of the unit, also daemons that left its session. Used to
 * find processes, not to limit them, so a v1 hierarchy without controllers does as well as v2. Where none may be made
 * (no root, no delegation), units do without.
 */
import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/** Where this agent's units may have their groups: below the agent's own; null where none may be made. */
export function findParentGroup(name: string): string | null {
  const [groups, mounts] = [readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8')];
  return (
    ownGroups(groups, mounts)
      .map((own) => join(own, name))
      .find(canBeMade) ?? null
  );
}

/**
 * The directories of a process's groups that hold no controllers, v2 first.
 * @param groups `/proc/<pid>/cgroup`
 * @param mounts `/proc/<pid>/mountinfo`, proc_pid_mountinfo(5)
 */
export function ownGroups(groups: string, mounts: string): string[] {
  return hierarchies.flatMap(({ marker, type }) => {
    const group = groups.split('\n').find((line) => line.startsWith(marker) || line.includes(`:${marker}`));
    const mount = mounts.split('\n').find((line) => type.test(line));
    const [, , , root, target] = mount?.split(' ') ?? [];
    if (group === undefined || root === undefined || target === undefined) return [];
    const below = relative(root, group.slice(group.indexOf(marker) + marker.length));
    return below.startsWith('..') ? [] : [join(target, below)];
  });
}

/** How a line of `/proc/<pid>/cgroup` begins, and what kind of mount shows that hierarchy. */
const hierarchies = [
  { marker: '0::', type: / - cgroup2 / },
  { marker: 'name=systemd:', type: / - cgroup .*\bname=systemd\b/ },
];

function canBeMade(group: string): boolean {
  const trial = `${group}.trial`;
  try {
    mkdirSync(trial, { recursive: true });
    rmdirSync(trial);
    return true;
  } catch {
    // Not permitted, read-only, not mounted here: all the same to the caller, who does without.
    return false;
  }
}

/** Makes the group, if it is not there; false where that is refused. */
export async function createGroup(group: string): Promise<boolean> {
  try {
    mkdirSync(group, { recursive: true });
    return true;
  } catch {
    // Not permitted here and now: the unit does without.
    return false;
  }
}

/** The pids in the group; none where there is no such group. */
export async function groupMembers(group: string): Promise<number[]> {
  const text = (await readFile(join(group, 'cgroup.procs'), 'utf8').catch(unless('ENOENT', 'ENODEV'))) ?? '';
  return text.split('\n').filter(Boolean).map(Number);
}

/** Removes a group, and the one that it is in where it was the last; false while there are processes in it. */
export async function removeGroup(group: string): Promise<boolean> {
  const outcome = removeNow(group);
  if (outcome === null) removeNow(dirname(group));
  return outcome === null || outcome === 'ENOENT';
}

/** Null when it is removed, else why not, where that may be. */
function removeNow(group: string): string | null {
  try {
    rmdirSync(group);
    return null;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (!['EBUSY', 'ENOTEMPTY', 'ENOENT'].includes(code)) throw error;
    return code;
  }
}

function unless(...codes: string[]): (error: unknown) => undefined {
  return (error) => {
    if (!codes.includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    return undefined;
  };
}
