/** Units that depend on each other, as a state of the cluster and as unit files. */
import { evolve } from '../../shared/domain/cluster.ts';
import { type ClusterState, initialState } from '../../shared/domain/clusterState.ts';
import type { Dependencies } from '../../shared/domain/dependencies.ts';
import type { Event } from '../../shared/domain/events.ts';
import { joined, placed, submission, submitted } from './samples.ts';

/** By name without `.service`; the names in them likewise. */
export type Graph = Readonly<Record<string, Dependencies>>;

const full = (name: string) => `${name}.service`;

export function withFullNames(dependencies: Dependencies): Dependencies {
  return Object.fromEntries(Object.entries(dependencies).map(([kind, names]) => [kind, names.map(full)]));
}

export function submissionsOf(graph: Graph) {
  return Object.entries(graph).map(([name, stated]) => {
    const dependencies = withFullNames(stated);
    return submission(full(name), {}, Object.keys(dependencies).length === 0 ? {} : { dependencies });
  });
}

/** All submitted; those that are `launched` run on the one machine that there is. */
export function stateOf(graph: Graph, launched: readonly string[] = []): ClusterState {
  const units = submissionsOf(graph).map(submitted);
  const running = launched.flatMap((name): Event[] => [
    { type: 'UnitLaunchRequested', unit: full(name) },
    placed(full(name), 'm1'),
  ]);
  const state = initialState();
  const events: Event[] = [joined('m1'), ...units, ...running];
  events.forEach((event, at) => {
    evolve(state, event, { seq: at + 1, at: at + 1 });
  });
  return state;
}

export function fileOf(dependencies: Dependencies): string {
  const lines = Object.entries(withFullNames(dependencies)).map(([kind, names]) => `${kind}=${names.join(' ')}`);
  return ['[Unit]', 'DefaultDependencies=no', ...lines, '[Service]', 'ExecStart=/bin/true', ''].join('\n');
}
