import { setTimeout as sleep } from 'node:timers/promises';
import { busybox } from '../../scripts/lab/engine.ts';
import type { Lab, Machine } from '../../scripts/lab/lab.ts';
import { recordDir } from '../../scripts/lab/workload/units.ts';
import { allRun, type Contender, file } from './trials.ts';

const timeoutMs = 120_000;

/** Docker Swarm on the lab's engines, all of them managers, with what it does by default. */
export async function swarm(lab: Lab): Promise<Contender> {
  const { machines, network } = lab;
  const [first] = machines;
  if (!first) throw new Error('the lab has no machines');
  await first.engine.docker('swarm', 'init', '--advertise-addr', network.addressOf(first.host));
  const token = (await first.engine.docker('swarm', 'join-token', '--quiet', 'manager')).trim();
  for (const { host, engine } of machines.slice(1)) {
    await engine.docker(
      'swarm',
      'join',
      '--token',
      token,
      '--advertise-addr',
      network.addressOf(host),
      `${network.addressOf(first.host)}:2377`,
    );
  }
  const ids = new Map<Machine, string>();
  for (const machine of machines)
    ids.set(machine, (await machine.engine.docker('info', '--format', '{{.Swarm.NodeID}}')).trim());
  const dir = recordDir(lab.seat);
  const nameOf = (machine: Machine) => ids.get(machine) ?? '';
  /** Each node's id, and whether it is ready and leads. */
  const nodes = async () => {
    const lines = (
      await first.engine.docker('node', 'ls', '--format', '{{.ID}} {{.Status}} {{.ManagerStatus}}')
    ).trim();
    return lines.split('\n').map((line) => line.split(' '));
  };
  const recover = async () => {
    const deadline = AbortSignal.timeout(timeoutMs);
    const isWell = (list: string[][]) =>
      list.length === machines.length && list.every(([, status, role]) => status === 'Ready' && role !== 'Unreachable');
    while (!isWell(await nodes().catch(() => []))) {
      if (deadline.aborted) throw new Error('the swarm is not well again');
      await sleep(200);
    }
  };
  await recover();
  return {
    name: 'swarm',
    start: async (programs) => {
      const mount = `type=bind,source=${dir},target=${dir}`;
      for (const program of programs) {
        const script = `exec sh ${dir}/counter.sh ${file(program)} "$NODE" ${dir}`;
        const options = ['--detach', '--quiet', '--name', program, '--env', 'NODE={{.Node.ID}}', '--mount', mount];
        await first.engine.docker('service', 'create', ...options, '--no-resolve-image', busybox, 'sh', '-c', script);
      }
      await allRun(lab, programs);
    },
    stop: async (programs) => {
      await first.engine.docker('service', 'rm', ...programs);
      const deadline = AbortSignal.timeout(timeoutMs);
      for (;;) {
        const left = await Promise.all(machines.map(({ engine }) => engine.docker('ps', '--quiet')));
        if (left.join('').trim() === '') return;
        if (deadline.aborted) throw new Error('the services do not stop');
        await sleep(200);
      }
    },
    nameOf,
    victim: async (leads) => {
      const leader = (await nodes()).find(([, , role]) => role === 'Leader')?.[0];
      const found = machines.find((machine) => (nameOf(machine) === leader) === (leads !== 'nothing'));
      if (!found) throw new Error('there is no such machine');
      return found;
    },
    recover,
  };
}
