import { link, rename, rm, writeFile } from 'node:fs/promises';
import { isSystemError, readIfThere } from './files.ts';
import { identify, isAlive, type ProcessIdentity } from './processIdentity.ts';

/** A lock between the processes of one machine: a file that names its holder. One that died holds nothing any more. */
export interface ProcessLock {
  /** Gives it back; calling it again does nothing. */
  release(): Promise<void>;
}

/** Takes the lock, or answers with the process that holds it. */
export async function tryLock(path: string): Promise<ProcessLock | { heldBy: ProcessIdentity }> {
  const mine = `${path}.${process.pid}.${locksTaken++}`;
  await writeFile(mine, JSON.stringify(await identify(process.pid)), { mode: 0o600 });
  try {
    for (;;) {
      if (await linkNew(mine, path)) return heldLock(path);
      const holder = await readHolder(path);
      if (holder === null) continue;
      if (await isAlive(holder)) return { heldBy: holder };
      if (await succeed(mine, path, holder)) return heldLock(path);
    }
  } finally {
    await rm(mine, { force: true });
  }
}

let locksTaken = 0;

function heldLock(path: string): ProcessLock {
  let released: Promise<void> | null = null;
  return {
    // Only once: at a second call the file may be another's.
    release() {
      released ??= rm(path, { force: true });
      return released;
    },
  };
}

/**
 * Replaces a dead holder's lock by ours. Two processes may see the same dead holder: each must first win the right to
 * succeed exactly that one, and then see that it is still the holder; so a lock that was just taken is never replaced.
 */
async function succeed(mine: string, path: string, dead: ProcessIdentity): Promise<boolean> {
  const right = `${path}.after-${dead.pid}-${dead.startTime.replaceAll(/\W/g, '-')}`;
  if (!(await linkNew(mine, right))) {
    const rival = await readHolder(right);
    if (rival !== null && !(await isAlive(rival))) await rm(right, { force: true });
    return false;
  }
  const holder = await readHolder(path);
  const stillDead = holder?.pid === dead.pid && holder.startTime === dead.startTime;
  if (stillDead) await rename(right, path);
  else await rm(right, { force: true });
  return stillDead;
}

/** Makes `path` with what is in `source`, whole or not at all; false when it is there already. */
async function linkNew(source: string, path: string): Promise<boolean> {
  try {
    await link(source, path);
    return true;
  } catch (error) {
    if (isSystemError(error, 'EEXIST')) return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | null> {
  const text = await readIfThere(path);
  return text === null ? null : (JSON.parse(text) as ProcessIdentity);
}
