/** Makes a machine of an embedded cluster die as power loss would: the agent and everything that it runs, at once. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Cluster } from '../../shared/embedded/cluster.ts';
import { isSystemError } from '../../shared/embedded/files.ts';

const run = promisify(execFile);

/** SIGKILL to node `number` (from 1), to its units' processes, and to its containers. */
export async function killMachine(cluster: Cluster, number: number, options: { docker: boolean }): Promise<void> {
  const node = cluster.file.nodes[number - 1];
  if (!node) throw new RangeError(`there is no node ${number}`);
  await killUnits(node, cluster.killNode(number), options);
}

/** The same for an agent with this pid, by somebody who did not start it. */
export async function killMachineOf(node: { id: string; dir: string; pid: number }, options: { docker: boolean }) {
  process.kill(node.pid, 'SIGKILL');
  await killUnits(node, Promise.resolve(), options);
}

async function killUnits(node: { id: string; dir: string }, agent: Promise<void>, { docker }: { docker: boolean }) {
  await Promise.all([agent, killProcesses(node.dir), docker ? removeContainers(node.id) : null]);
}

/** Every process in the session of one of the node's shims, which name its directory on their command line. */
export async function killProcesses(nodeDir: string): Promise<void> {
  const processes = await listProcesses();
  const shims = processes.filter(({ command }) => command.includes(`${nodeDir}/units/`)).map(({ pid }) => pid);
  for (const { pid, session } of processes) if (shims.includes(session)) kill(pid);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isSystemError(error, 'ESRCH')) throw error;
  }
}

async function listProcesses(): Promise<{ pid: number; session: number; command: string }[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const read = async (pid: string) => {
    try {
      const [stat, command] = await Promise.all([
        readFile(`/proc/${pid}/stat`, 'utf8'),
        readFile(`/proc/${pid}/cmdline`, 'utf8'),
      ]);
      // The second field is the name, in parentheses, and may hold anything; the session is the fourth after it.
      const session = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3]);
      return [{ pid: Number(pid), session, command }];
    } catch (error) {
      if (isSystemError(error, 'ENOENT') || isSystemError(error, 'ESRCH')) return [];
      throw error;
    }
  };
  return (await Promise.all(pids.map(read))).flat();
}

async function removeContainers(machine: string): Promise<void> {
  const { stdout } = await run('docker', ['ps', '-aq', '--filter', `label=flotilla.machine=${machine}`]);
  const ids = stdout.split('\n').filter((id) => id !== '');
  if (ids.length > 0) await run('docker', ['rm', '-f', ...ids]);
}
