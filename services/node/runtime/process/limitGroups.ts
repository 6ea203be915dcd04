/**
 * The control groups that limit a unit's processes, beside the one that holds them (`controlGroup.ts`; in version 2 they
 * are the same). Where the agent may not, the unit runs without, and its journal says so.
 */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { ResourceControl } from '../../../../shared/domain/resourceControl.ts';
import { type Controller, controllers, controlSettings, type Setting } from '../../policy/controlSettings.ts';
import { readWhole } from '../whole.ts';

/** Where this agent's units may have limiting groups: below its own, by controller. */
export interface LimitSite {
  version: 1 | 2;
  parents: Partial<Record<Controller, string>>;
}

export interface LimitGroups {
  /** The groups that a process of the unit has to enter. */
  groups: string[];
  /** Of directives that are not enforced, which and why. */
  notes: string[];
}

/** Null where there are no controllers. `name` is that of the group that all the units' groups are in. */
export function findLimitSite(name: string): LimitSite | null {
  return limitSiteIn(readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8'), name);
}

/** The same, of an agent with these groups (proc_pid_cgroup(5)) and mounts (proc_pid_mountinfo(5)). */
export function limitSiteIn(groups: string, mounts: string, name: string): LimitSite | null {
  const parents = parentsOf1(groups, mounts);
  if (Object.keys(parents).length > 0) return { version: 1, parents: mapValues(parents, (own) => join(own, name)) };
  const own = ownGroupOf2(groups, mounts);
  if (own === null) return null;
  const delegated = delegate(own, name);
  const entries = delegated.map((controller) => [controller, join(own, name)] as const);
  return entries.length > 0 ? { version: 2, parents: Object.fromEntries(entries) } : null;
}

/** The block I/O controller changed its name. */
const namesIn1: Record<Controller, string> = {
  memory: 'memory',
  cpu: 'cpu',
  pids: 'pids',
  cpuset: 'cpuset',
  io: 'blkio',
};

/** The process's own group in each hierarchy of version 1: proc_pid_cgroup(5), proc_pid_mountinfo(5). */
export function parentsOf1(groups: string, mounts: string): Partial<Record<Controller, string>> {
  const found: Partial<Record<Controller, string>> = {};
  for (const controller of controllers) {
    const name = namesIn1[controller];
    const line = groups.split('\n').find((each) => each.split(':')[1]?.split(',').includes(name));
    const mount = mounts.split('\n').find((each) => {
      const [, superOptions = ''] = / - cgroup \S+ (\S+)$/.exec(each) ?? [];
      return superOptions.split(',').includes(name);
    });
    const own = below(line?.split(':').slice(2).join(':'), mount);
    if (own !== null) found[controller] = own;
  }
  return found;
}

function ownGroupOf2(groups: string, mounts: string): string | null {
  const line = groups.split('\n').find((each) => each.startsWith('0::'));
  return below(
    line?.slice('0::'.length),
    mounts.split('\n').find((each) => / - cgroup2 /.test(each)),
  );
}

function below(group: string | undefined, mount: string | undefined): string | null {
  const [, , , root, target] = mount?.split(' ') ?? [];
  if (group === undefined || root === undefined || target === undefined) return null;
  const path = relative(root, group);
  return path.startsWith('..') ? null : join(target, path);
}

/**
 * Version 2: hands the controllers that there are down to the units' groups. A group with processes in it may not, so
 * that an agent that is alone in its own (systemd's `Delegate=yes`) moves into a group beside its units'.
 */
function delegate(own: string, name: string): Controller[] {
  const parent = join(own, name);
  try {
    const available = readFileSync(join(own, 'cgroup.controllers'), 'utf8').trim().split(' ');
    const wanted = controllers.filter((controller) => available.includes(controller));
    mkdirSync(parent, { recursive: true });
    return wanted.filter((controller) => handDown(own, controller) && handDown(parent, controller));
  } catch {
    // Not permitted, read-only, not mounted here: units do without.
    return [];
  }
}

function handDown(group: string, controller: Controller): boolean {
  const write = () => tryWrite(join(group, 'cgroup.subtree_control'), `+${controller}`);
  if (write() === null) return true;
  const members = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  if (members.length !== 1 || members[0] !== String(process.pid)) return false;
  const agent = join(group, 'flotilla-agent');
  mkdirSync(agent, { recursive: true });
  return tryWrite(join(agent, 'cgroup.procs'), String(process.pid)) === null && write() === null;
}

/** Makes the groups of a unit, with its limits. */
export function makeLimitGroups(site: LimitSite | null, unit: string, control: ResourceControl): LimitGroups {
  const whole = readWhole();
  const { settings, missing } = controlSettings(control, site?.version ?? 2, whole);
  const notes = missing.map((directive) => `${directive}= is not enforced: it takes control groups of version 2`);
  const groups = new Set<string>();
  for (const controller of controllers) {
    const own = settings.filter((setting) => setting.controller === controller);
    const parent = site?.parents[controller];
    if (own.length === 0) continue;
    if (parent === undefined) {
      const names = [...new Set(own.map(({ directive }) => `${directive}=`))].join(', ');
      notes.push(`${names} is not enforced: this agent has no control group with the controller ${controller}`);
      continue;
    }
    const group = join(parent, unit);
    const why = makeGroup(group, controller);
    notes.push(
      ...(why === null
        ? own.flatMap((setting) => applySetting(group, setting))
        : [`${own[0]?.directive}= is not enforced: ${why}`]),
    );
    if (why === null) groups.add(group);
  }
  return { groups: [...groups], notes };
}

function makeGroup(group: string, controller: Controller): string | null {
  try {
    mkdirSync(group, { recursive: true });
    // In version 1 a group without processors and memory takes no process in: it starts with its parent's.
    if (controller === 'cpuset') for (const path of [dirname(group), group]) inheritSets(path);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function inheritSets(group: string): void {
  for (const name of ['cpuset.cpus', 'cpuset.mems']) {
    const file = join(group, name);
    const isEmpty = existsSync(file) && readFileSync(file, 'utf8').trim() === '';
    const isVersion2 = existsSync(join(group, 'cgroup.controllers'));
    if (isEmpty && !isVersion2) writeFileSync(file, readFileSync(join(dirname(group), name), 'utf8'));
  }
}

function applySetting(group: string, { directive, files, value }: Setting): string[] {
  const file = files.find((name) => existsSync(join(group, name)));
  if (file === undefined) return [`${directive}= is not enforced: this kernel has no ${files.join(' or ')}`];
  const why = tryWrite(join(group, file), value);
  return why === null ? [] : [`${directive}= is not enforced: ${file} cannot be ${value}: ${why}`];
}

function tryWrite(file: string, value: string): string | null {
  try {
    writeFileSync(file, value);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Removes groups that nothing is in any more. */
export function removeLimitGroups(groups: readonly string[]): void {
  for (const group of groups) {
    for (const directory of [group, dirname(group)]) {
      try {
        rmdirSync(directory);
      } catch {
        // Others are in it, or it is gone; what is left is empty and limits nobody.
        break;
      }
    }
  }
}

/** How many processes of these groups the kernel has killed because their memory ran out. */
export function outOfMemoryKills(groups: readonly string[]): number {
  let kills = 0;
  for (const file of groups.flatMap((group) =>
    ['memory.events', 'memory.oom_control'].map((name) => join(group, name)),
  )) {
    if (!existsSync(file)) continue;
    const [, count = '0'] = /^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8')) ?? [];
    kills += Number(count);
  }
  return kills;
}

function mapValues<K extends string>(
  record: Partial<Record<K, string>>,
  change: (value: string) => string,
): Partial<Record<K, string>> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value as string)])) as Partial<
    Record<K, string>
  >;
}
