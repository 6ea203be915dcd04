/** Users and groups of the machine, from wherever it keeps them (nsswitch.conf(5)). */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { ServiceSpec } from '../../../../shared/domain/unitSpec.ts';
import { StartError, startStatus } from '../runtime.ts';

/** All groups of a user, id(1). */
export async function groupsOf(user: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('id', ['-G', '--', user]);
  return stdout.trim().split(' ');
}

/**
 * Whose what is made for the unit is: of its user and group; null where it states none.
 * @throws {StartError} there is no such user or group.
 */
export async function ownerOf({ user, group }: ServiceSpec): Promise<{ uid: number; gid: number } | null> {
  if (user === undefined && group === undefined) return null;
  const named = group === undefined ? undefined : await lookUp('group', group);
  const [, , uid = '0', primaryGid = '0'] = user === undefined ? [] : await lookUp('passwd', user);
  return { uid: Number(uid), gid: Number(named?.[2] ?? primaryGid) };
}

/** Fields of the entry, by name or number, from wherever the machine keeps its users (nsswitch.conf(5)). */
export async function lookUp(database: 'passwd' | 'group', key: string): Promise<string[]> {
  try {
    const { stdout } = await promisify(execFile)('getent', [database, key]);
    return stdout.trimEnd().split(':');
  } catch (error) {
    const { code } = error as { code?: unknown };
    // getent(1): 2 is "could not be found".
    const reason = code === 2 ? `no such ${database === 'passwd' ? 'user' : 'group'}` : `getent failed (${code})`;
    const [directive, status] =
      database === 'passwd' ? (['User', startStatus.user] as const) : (['Group', startStatus.group] as const);
    throw new StartError(`${directive}=${key}: ${reason}`, { cause: error, status });
  }
}

/** Of an account that nobody is to log in to. */
const noShells = ['', '/bin/false', '/usr/bin/false', '/bin/true', '/usr/bin/true'];

/**
 * What systemd tells the programs of a user: systemd.exec(5), "ENVIRONMENT VARIABLES SET OR PROPAGATED". A home that is `/`
 * and a shell that refuses are left out, as it does.
 * @throws {StartError} there is no such user.
 */
export async function loginVariables(user: string): Promise<Record<string, string>> {
  const [name = user, , , , , home = '/', shell = ''] = await lookUp('passwd', user);
  const isShell = !noShells.includes(shell) && !shell.endsWith('/nologin');
  return {
    USER: name,
    LOGNAME: name,
    ...(home === '' || home === '/' ? {} : { HOME: home }),
    ...(isShell ? { SHELL: shell } : {}),
  };
}
