/**
 * What a command needs to be executed as systemd.exec(5) says: which file it is, where it runs, as whom. Whatever is
 * missing is told as a {@link StartError}.
 */
import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { ExecCommand, ServiceSpec } from '../../../../shared/domain/unitSpec.ts';
import { type RunRequest, StartError, startStatus } from '../runtime.ts';
import { groupsOf, lookUp } from './accounts.ts';
import { limitPrefix, readOwnLimits, whyNotLimited } from './limitPrefix.ts';
import { outputPrefix } from './outputPrefix.ts';

export interface Execution {
  /** The command, behind the programs that change what it needs changed and then become it. */
  argv: string[];
  /** Of the shell that starts it. */
  environment: Record<string, string>;
  cwd: string;
  /** As umask(1) reads it. */
  umask: string;
  ignoreSigpipe: boolean;
}

/** Where systemd looks for a program that is not an absolute path, unless the unit has a `PATH` (systemd.service(5)). */
const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const defaultUmask = 0o022;

/**
 * Behind another program (User=, `@`, odd variables), a command that turns out not to be executable after all ends with
 * 126 or 127 rather than with an error: the other program was executed.
 * @throws {StartError} something that it needs is not there.
 */
export async function prepareExecution(
  { command, service, environment }: RunRequest,
  { keeper }: { keeper: boolean },
): Promise<Execution> {
  const account = await accountOf(command, service);
  const program = await findProgram(command.path, environment.PATH ?? defaultPath);
  // A shell that is given no PATH may make one up; and Perl's own variables are not for the keeper.
  const inShell = !keeper && environment.PATH !== undefined && Object.keys(environment).every(passesThroughShell);
  return {
    argv: [
      ...outputPrefix(service),
      ...(inShell
        ? []
        : ['/usr/bin/env', '-i', ...Object.entries(environment).map(([key, value]) => `${key}=${value}`)]),
      ...limitsPrefix(service),
      ...credentialsPrefix(account),
      ...(service.noNewPrivileges && !command.privileged ? ['/usr/bin/setpriv', '--no-new-privs', '--'] : []),
      ...namePrefix(command),
      program,
      ...command.argv.slice(1),
    ],
    environment: inShell ? environment : {},
    cwd: await workingDirectory(service, account),
    umask: (service.umask ?? defaultUmask).toString(8).padStart(4, '0'),
    ignoreSigpipe: service.ignoreSigpipe ?? true,
  };
}

function limitsPrefix({ limits }: ServiceSpec): string[] {
  const asksForNone = Object.keys(limits).length === 1 && Object.keys(limits.limits).length === 0;
  if (asksForNone) return [];
  const own = readOwnLimits();
  const why = whyNotLimited(limits, own);
  if (why !== null) throw new StartError(why, { status: startStatus.limits });
  return limitPrefix(limits, own);
}

/** A shell keeps some variables for itself, drops names that are not its own kind, and is itself a program to `LD_*`. */
function passesThroughShell(name: string): boolean {
  const special = /^(_|IFS|PWD|OLDPWD|PPID|OPTIND|OPTARG|SHLVL|SHELLOPTS|ENV|POSIXLY_CORRECT|BASH.*|LD_.*|PS[124])$/;
  return /^[A-Za-z_]\w*$/.test(name) && !special.test(name);
}

async function findProgram(path: string, searchPath: string): Promise<string> {
  if (path.includes('/')) return assertProgram(path);
  for (const directory of searchPath.split(':')) {
    const candidate = join(directory, path);
    if ((await whyNotProgram(candidate)) === null) return candidate;
  }
  throw new StartError(`${path}: no such program in PATH (${searchPath})`, { status: startStatus.exec });
}

async function assertProgram(path: string): Promise<string> {
  const reason = await whyNotProgram(path);
  if (reason !== null) throw new StartError(`${path}: ${reason}`, { status: startStatus.exec });
  return path;
}

async function whyNotProgram(path: string): Promise<string | null> {
  const found = await statIfThere(path);
  if (found === null) return 'no such file';
  if (!found.isFile()) return 'not a regular file';
  return (found.mode & 0o111) === 0 ? 'not executable (chmod +x makes it so)' : null;
}

/** WorkingDirectory=: `/` by default, `~` is the user's home, and one that may be missing is then not used. */
async function workingDirectory(service: ServiceSpec, account: Account | null): Promise<string> {
  const { path = '/', optional = false } = service.workingDirectory ?? {};
  if (path === '/') return path;
  const directory = path === '~' ? (account?.home ?? homedir()) : path;
  if ((await statIfThere(directory))?.isDirectory()) return directory;
  if (optional) return '/';
  throw new StartError(`WorkingDirectory=${path}: no such directory`, { status: startStatus.chdir });
}

interface Account {
  user?: string;
  uid?: string;
  gid: string;
  home?: string;
  /** All that it has; absent: the user's own. */
  groups?: string[];
}

/** User=, Group= and SupplementaryGroups=; null where none applies. */
async function accountOf(command: ExecCommand, service: ServiceSpec): Promise<Account | null> {
  const { user, group, supplementaryGroups } = service;
  const isPlain = user === undefined && group === undefined && supplementaryGroups.length === 0;
  if (command.privileged || isPlain) return null;
  const gid = group === undefined ? undefined : (await lookUp('group', group))[2];
  const more = await Promise.all(supplementaryGroups.map(async (name) => (await lookUp('group', name))[2] ?? name));
  if (user === undefined)
    return { gid: gid ?? String(process.getgid?.()), ...(more.length > 0 ? { groups: more } : {}) };
  const [name = '', , uid = '', primaryGid = '', , home = '/'] = await lookUp('passwd', user);
  const groups = more.length > 0 ? { groups: [...(await groupsOf(name)), ...more] } : {};
  return { user: name, uid, gid: gid ?? primaryGid, home, ...groups };
}

/** setpriv(1) of util-linux becomes the command, as that user, with that user's supplementary groups. */
function credentialsPrefix(account: Account | null): string[] {
  if (account === null || isOwn(account)) return [];
  const { user, uid, gid, groups } = account;
  if (process.getuid?.() !== 0)
    throw new StartError(`User=${user ?? ''}: only root may run units as somebody else`, { status: startStatus.user });
  const asUser = uid === undefined ? [] : [`--reuid=${uid}`];
  const ofUser = uid === undefined ? '--clear-groups' : '--init-groups';
  const inGroups = groups === undefined ? ofUser : `--groups=${[...new Set(groups)].join(',')}`;
  return ['/usr/bin/setpriv', `--regid=${gid}`, ...asUser, inGroups, '--'];
}

function isOwn({ uid, gid, groups }: Account): boolean {
  if (groups !== undefined) return false;
  const [ownUid, ownGid] = [String(process.getuid?.()), String(process.getgid?.())];
  return (uid ?? ownUid) === ownUid && gid === ownGid;
}

/** The prefix `@` gives the program another `argv[0]`, for which POSIX has no tool: bash has. */
function namePrefix({ path, argv }: ExecCommand): string[] {
  const name = argv[0];
  return name === undefined || name === path ? [] : ['bash', '-c', 'exec -a "$0" "$@"', name];
}

async function statIfThere(path: string) {
  try {
    return statSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return null;
    throw new StartError(`${path}: ${message}`, { cause: error });
  }
}
