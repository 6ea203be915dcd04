/** A service manager of systemd's own, to judge how services live: `systemd --user`, alone with its units. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../../../test/support/until.ts';
import { ownGroups } from '../runtime/process/controlGroup.ts';

const run = promisify(execFile);
const program = '/lib/systemd/systemd';

/** It only starts where it believes that the machine was booted with systemd. What else is in /run is not its business. */
const begin = `for group; do echo 0 > "$group/cgroup.procs" || exit; done
mount -t tmpfs none /run && mkdir -p /run/systemd/system && exec ${program} --user`;

/** Groups of its own, in each hierarchy: it takes all processes for its own that it finds in the group where it begins. */
function makeGroups(name: string): string[] {
  const own = ownGroups(readFileSync('/proc/self/cgroup', 'utf8'), readFileSync('/proc/self/mountinfo', 'utf8'));
  if (own.length === 0) throw new Error('there are no control groups');
  return own.map((group) => {
    mkdirSync(join(group, name));
    return join(group, name);
  });
}

/** They are empty when systemd has ended, but for what was not to be killed: that goes now. */
async function removeGroups(groups: readonly string[]): Promise<void> {
  for (const group of groups) {
    const inner = (await readdir(group, { recursive: true, withFileTypes: true })).filter((each) => each.isDirectory());
    const paths = inner.map(({ parentPath, name }) => join(parentPath, name)).sort((a, b) => b.length - a.length);
    for (const path of [...paths, group]) {
      for (const pid of (await readFile(join(path, 'cgroup.procs'), 'utf8')).split('\n').filter(Boolean)) {
        process.kill(Number(pid), 'SIGKILL');
      }
      await until(`${path} is empty`, () =>
        rmdir(path).then(
          () => true,
          () => false,
        ),
      );
    }
  }
}

/** SIGRTMIN+24, systemd(1). */
const exitNow = 58;

/** Why there can be none here, or null. */
export async function whyNoManager(): Promise<string | null> {
  try {
    await (await startSystemd({})).close();
    return null;
  } catch (error) {
    return `systemd cannot be run here: ${(error as Error).message.split('\n')[0]}`;
  }
}

export interface ShownUnit {
  active: string;
  sub: string;
  result: string;
  restarts: number;
}

export interface SystemdManager {
  /** Starts its units, together. */
  start(): Promise<void>;
  stop(units: readonly string[]): Promise<void>;
  show(units: readonly string[]): Promise<Map<string, ShownUnit>>;
  /** Ends it, and what it runs. */
  close(): Promise<void>;
}

/** @param units their texts, by name. @param started those that `start` starts. Default: all. */
export async function startSystemd(
  units: Readonly<Record<string, string>>,
  started: readonly string[] = Object.keys(units),
): Promise<SystemdManager> {
  const directory = await mkdtemp(join(tmpdir(), 'flotilla-systemd-'));
  const files = join(directory, 'units');
  await mkdir(files);
  const targets = ['default', 'basic', 'shutdown'].map(
    (name) => [`${name}.target`, '[Unit]\nDescription=x\n'] as const,
  );
  // What a target wants is also kept in memory when it has ended.
  const all = ['all.target', `[Unit]\nDefaultDependencies=no\nWants=${started.join(' ')}\n`] as const;
  for (const [name, text] of [...targets, all, ...Object.entries(units)]) await writeFile(join(files, name), text);
  const env = {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    HOME: directory,
    XDG_RUNTIME_DIR: directory,
    SYSTEMD_UNIT_PATH: files,
  };
  const groups = makeGroups(basename(directory));
  const systemd = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', begin, 'sh', ...groups], {
    env,
    stdio: 'ignore',
    detached: true,
  });
  const ended = once(systemd, 'exit');
  const ask = (...args: string[]) => run('systemctl', ['--user', ...args], { env, maxBuffer: 1 << 24 });
  try {
    await Promise.race([
      until('systemd answers', () =>
        ask('list-jobs').then(
          () => true,
          () => false,
        ),
      ),
      ended.then(() => Promise.reject(new Error('it ended at once'))),
    ]);
  } catch (error) {
    systemd.kill('SIGKILL');
    await ended;
    await removeGroups(groups);
    await rm(directory, { recursive: true });
    throw error;
  }
  return {
    start: async () => void (await ask('start', '--no-block', 'all.target')),
    stop: async (names) => void (await ask('stop', '--no-block', ...names)),
    async show(names) {
      const { stdout } = await ask('show', '-p', 'Id,ActiveState,SubState,Result,NRestarts', '--', ...names);
      return new Map(stdout.trim().split('\n\n').map(readShown));
    },
    async close() {
      try {
        if (Object.keys(units).length > 0) await ask('stop', ...Object.keys(units));
      } finally {
        if (systemd.pid !== undefined) process.kill(systemd.pid, exitNow);
        await ended;
        await removeGroups(groups);
        await rm(directory, { recursive: true });
      }
    },
  };
}

function readShown(text: string): [string, ShownUnit] {
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1] ?? '';
  const shown = {
    active: value('ActiveState'),
    sub: value('SubState'),
    result: value('Result'),
    restarts: Number(value('NRestarts')),
  };
  return [value('Id'), shown];
}
