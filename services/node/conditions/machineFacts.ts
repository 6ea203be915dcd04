/** What this machine, and this agent on it, answer to conditions: the real {@link ConditionFacts}. */
import { execFile } from 'node:child_process';
import { access, lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import { hostname, machine, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import type { Virtualization } from '../../../shared/domain/machineConditions.ts';
import type { Directories } from '../../../shared/domain/pathGlob.ts';
import type { ConditionFacts, FileFacts } from '../../../shared/domain/testConditions.ts';
import { mountOf, parseMounts } from './mountTable.ts';

/** What is there, for patterns of paths. */
export const machineDirectories: Directories = {
  isThere: async (path) => (await orNull(lstat(path))) !== null,
  entries: (directory) => orNull(readdir(directory)),
};

export function createMachineFacts(machineId: string): ConditionFacts {
  return {
    stat: (path) => orNull(statFacts(path)),
    ...machineDirectories,
    isSymbolicLink: async (path) => (await orNull(lstat(path)))?.isSymbolicLink() ?? false,
    text: (path) => orNull(readFile(path, 'utf8')),
    virtualization,
    isMountPoint: async (path) => (await mountAt(path))?.isPoint ?? false,
    isReadOnly,
    host: () => ({ hostname: hostname(), machineId, kernelRelease: release(), machine: machine() }),
    kernelCommandLine: async () => (await orNull(readFile('/proc/cmdline', 'utf8'))) ?? '',
    environment: () => process.env,
    memoryBytes: async () => totalmem(),
    cpus: allowedCpus,
    isUser: async (user) => isOwn(user, 'passwd', [process.getuid?.(), process.geteuid?.()]),
    isGroup: async (group) =>
      isOwn(group, 'group', [process.getgid?.(), process.getegid?.(), ...(process.getgroups?.() ?? [])]),
    isFirstBoot: async () => (await orNull(access('/run/systemd/first-boot').then(() => true))) ?? false,
  };
}

async function statFacts(path: string): Promise<FileFacts> {
  const { mode, size, ...found } = await stat(path).then((stats) => ({
    mode: stats.mode,
    size: stats.size,
    isFile: stats.isFile(),
    isDirectory: stats.isDirectory(),
  }));
  const kind = found.isFile ? 'file' : found.isDirectory ? 'directory' : 'other';
  return { kind, sizeBytes: size, mode: mode & 0o7777 };
}

/** As systemd has it, only what is not there at all is not writable. */
async function isReadOnly(path: string): Promise<boolean | null> {
  const isGone = (await stat(path).catch((error: NodeJS.ErrnoException) => error.code)) === 'ENOENT';
  return isGone ? null : ((await mountAt(path))?.isReadOnly ?? false);
}

async function mountAt(path: string): Promise<{ isPoint: boolean; isReadOnly: boolean } | null> {
  const real = await orNull(realpath(path));
  if (real === null) return null;
  const mount = mountOf(real, parseMounts(await readFile('/proc/self/mountinfo', 'utf8')));
  return mount && { isPoint: mount.point === real, isReadOnly: mount.isReadOnly };
}

/** sched_getaffinity(2), as proc_pid_status(5) shows it: `ff,ffffffff`. */
async function allowedCpus(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8');
  const [, mask = ''] = /^Cpus_allowed:\s*(\S+)$/m.exec(status) ?? [];
  const digits = Array.from(mask.replaceAll(',', ''), (digit) => Number.parseInt(digit, 16));
  return digits.reduce((sum, digit) => sum + digit.toString(2).replaceAll('0', '').length, 0);
}

/** Null where there is no systemd-detect-virt(1), which ends with 1 where it says `none`. */
async function virtualization(): Promise<Virtualization | null> {
  const detect = (kind: string) =>
    promisify(execFile)('systemd-detect-virt', [kind]).then(
      ({ stdout }) => stdout.trim(),
      ({ stdout }) => (String(stdout ?? '').trim() === 'none' ? 'none' : null),
    );
  const container = await detect('--container');
  if (container !== null && container !== 'none') return { id: container, isContainer: true };
  const id = await detect('--vm');
  return id === null ? null : { id, isContainer: false };
}

/** systemd's own limit, SYSTEM_UID_MAX, and what belongs to nobody. */
const lastSystemId = 999;
const nobodyId = 65_534;

async function isOwn(
  asked: string,
  database: 'passwd' | 'group',
  own: readonly (number | undefined)[],
): Promise<boolean> {
  const [first] = own;
  if (asked === '@system') return first !== undefined && (first <= lastSystemId || first === nobodyId);
  return own.includes(/^\d+$/.test(asked) ? Number(asked) : await idOf(asked, database));
}

/** From wherever the machine keeps its users: getent(1). -1: there is none of that name, or no getent. */
async function idOf(name: string, database: 'passwd' | 'group'): Promise<number> {
  if (name === 'root') return 0;
  const entry = await orNull(promisify(execFile)('getent', [database, '--', name]));
  const [, , id] = entry?.stdout.split(':') ?? [];
  return id === undefined ? -1 : Number(id);
}

/** What cannot be seen is not there. */
async function orNull<T>(looking: Promise<T>): Promise<T | null> {
  try {
    return await looking;
  } catch {
    // No such file, no permission, a loop of links: all the same to a condition.
    return null;
  }
}
