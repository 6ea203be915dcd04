import { access, constants, readFile } from 'node:fs/promises';

/** A file's text, or null when there is none (or, under /proc, no longer). */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ESRCH')) return null;
    throw error;
  }
}

/** Whether we may use the file that way: `constants.R_OK`, `constants.X_OK`. */
export async function isAccessible(path: string, mode = constants.R_OK): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  );
}

/** Whether a system call failed with this: `ENOENT`, see errno(3). */
export function isSystemError(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** The last lines of a text file, without what is blank at its end. */
export async function lastLinesOf(path: string, count: number): Promise<string> {
  return (await readFile(path, 'utf8')).trimEnd().split('\n').slice(-count).join('\n');
}
