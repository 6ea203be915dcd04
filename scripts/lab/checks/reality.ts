/** What really runs, seen from outside: the engines' containers and this machine's processes, beside what the log says. */
import type { ClusterState } from '../../../shared/domain/clusterState.ts';
import type { Lab, Machine } from '../lab.ts';
import { listProcesses } from '../processes.ts';
import { recordDir } from '../workload/units.ts';

/** Differences between the log's placements and what runs, one sentence each. */
export async function differences(
  state: ClusterState,
  { seat, machines }: Pick<Lab, 'seat' | 'machines'>,
): Promise<string[]> {
  const [running, containers] = await Promise.all([runningCounters(recordDir(seat)), runningContainers(machines)]);
  const placed = new Set<string>();
  for (const unit of state.units.values()) {
    if (unit.desired === 'launched')
      for (const machine of Object.keys(unit.machines)) placed.add(`${unit.name} on ${machine}`);
  }
  const inContainers = [...placed].filter((place) => place.includes('container'));
  return [
    ...difference(placed, running).map((place) => `${place} should run, and does not`),
    ...difference(running, placed).map((place) => `${place} runs, and should not`),
    ...difference(new Set(inContainers), containers).map((place) => `${place} has no running container`),
    ...difference(containers, new Set(inContainers)).map((place) => `${place} has a container that should not run`),
  ];
}

/** `UNIT on MACHINE`, for each that a process counts for, in a container or not: `counter.sh UNIT MACHINE DIRECTORY`. */
export async function runningCounters(dir: string): Promise<Set<string>> {
  const found = (await listProcesses()).flatMap(({ argv }) => {
    const place = argv.indexOf(`${dir}/counter.sh`);
    return place < 0 ? [] : [`${argv[place + 1]} on ${argv[place + 2]}`];
  });
  return new Set(found);
}

async function runningContainers(machines: readonly Machine[]): Promise<Set<string>> {
  const found = await Promise.all(
    machines.map(async ({ engine, id }) => (await engine.units()).map((unit) => `${unit} on ${id}`)),
  );
  return new Set(found.flat());
}

function difference(a: ReadonlySet<string>, b: ReadonlySet<string>): string[] {
  return [...a].filter((item) => !b.has(item));
}
