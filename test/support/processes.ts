import { readdir, readFile } from 'node:fs/promises';

export function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    // No such process.
    return false;
  }
}

/** How many processes have exactly these arguments. */
export async function countProcesses(...argv: string[]): Promise<number> {
  const wanted = `${argv.join('\0')}\0`;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  // A process may end between the listing and the reading.
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return lines.filter((line) => line === wanted).length;
}
