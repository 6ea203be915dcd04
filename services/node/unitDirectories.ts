/** The directories that a unit is given: systemd.exec(5), `RuntimeDirectory=`. They belong to its user. */
import { chmodSync, lchownSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import { type DirectoryKind, directoryKinds } from '../../shared/domain/serviceDirectories.ts';
import type { ServiceSpec } from '../../shared/domain/unitSpec.ts';
import { ownerOf } from './runtime/process/accounts.ts';
import { StartError } from './runtime/runtime.ts';

/** Where they are; an agent without root's rights has them where systemd's user manager has them. */
function rootsOf(isRoot: boolean): Record<DirectoryKind, string> {
  if (isRoot) {
    return { Runtime: '/run', State: '/var/lib', Cache: '/var/cache', Logs: '/var/log', Configuration: '/etc' };
  }
  const { XDG_RUNTIME_DIR, XDG_CONFIG_HOME, XDG_CACHE_HOME } = process.env;
  const config = XDG_CONFIG_HOME ?? join(homedir(), '.config');
  return {
    Runtime: XDG_RUNTIME_DIR ?? tmpdir(),
    State: config,
    Cache: XDG_CACHE_HOME ?? join(homedir(), '.cache'),
    Logs: join(config, 'log'),
    Configuration: config,
  };
}

function rootOf(kind: DirectoryKind): string {
  return rootsOf(process.getuid?.() === 0)[kind];
}

function pathsOf({ directories }: ServiceSpec, kind: DirectoryKind): string[] {
  return (directories[kind]?.paths ?? []).map((path) => join(rootOf(kind), path));
}

/** The first part of a path below `root` that is a link: what belongs to the unit's user could lead anywhere. */
function linkOnTheWay(root: string, path: string): string | null {
  let part = root;
  for (const name of relative(root, path).split(sep)) {
    part = join(part, name);
    if (lstatSync(part, { throwIfNoEntry: false })?.isSymbolicLink()) return part;
  }
  return null;
}

/**
 * Makes them, as they should be, and returns what tells the unit's commands of them (`RUNTIME_DIRECTORY` …).
 * @throws {StartError} one cannot be made, or there is no such user.
 */
export async function makeDirectories(service: ServiceSpec): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const kind of directoryKinds) {
    const paths = pathsOf(service, kind);
    if (paths.length === 0) continue;
    const owner = kind === 'Configuration' ? null : await ownerOf(service);
    const { mode } = service.directories[kind] ?? { mode: 0o755 };
    for (const path of paths) {
      const link = linkOnTheWay(rootOf(kind), path);
      if (link !== null) throw new StartError(`${path} cannot be made: ${link} is a symbolic link`);
      make(path, mode, owner);
    }
    variables[`${kind.toUpperCase()}_DIRECTORY`] = paths.join(':');
  }
  return variables;
}

function make(path: string, mode: number, owner: { uid: number; gid: number } | null): void {
  try {
    mkdirSync(path, { recursive: true });
    chmodSync(path, mode);
    if (owner && process.getuid?.() === 0) lchownSync(path, owner.uid, owner.gid);
  } catch (cause) {
    throw new StartError(`${path} cannot be made: ${(cause as Error).message}`, { cause });
  }
}

/** What is in `/run` ends with the unit, unless it says otherwise; `comesBack`: it is about to be started again. */
export function removeRuntimeDirectories(service: ServiceSpec, comesBack: boolean): void {
  const { runtimePreserve } = service;
  if (runtimePreserve === 'yes' || (runtimePreserve === 'restart' && comesBack)) return;
  for (const path of pathsOf(service, 'Runtime')) {
    if (linkOnTheWay(rootOf('Runtime'), path) === null) rmSync(path, { recursive: true, force: true });
  }
}
