import type { ClusterState } from './clusterState.ts';
import type { ClusterEvent, DrainMode } from './events.ts';
import { type Rejection, reject } from './rejection.ts';

export type CordonCommand =
  /** Nothing new is placed on these machines; with `drain` what they have is moved away, too. */
  | { type: 'CordonMachines'; machines: string[]; reason: string; drain?: DrainMode | undefined }
  | { type: 'UncordonMachines'; machines: string[] };

/** What the wish to keep machines free leads to; all of them, or none. */
export function decideCordon(state: ClusterState, command: CordonCommand): ClusterEvent[] | Rejection {
  const machines = [...new Set(command.machines)];
  const unknown = machines.filter((machine) => !state.machines.has(machine) && !state.cordons.has(machine));
  if (unknown.length > 0) {
    const names = unknown.map((machine) => `${machine} is not known`);
    return reject('machine-not-found', 'there is no such machine: flotilla list-machines shows those there are', names);
  }
  if (command.type === 'UncordonMachines') {
    return machines.flatMap((machine) => (state.cordons.has(machine) ? [{ type: 'MachineUncordoned', machine }] : []));
  }
  const { reason, drain = 'no' } = command;
  return machines.flatMap((machine) =>
    state.cordons.get(machine)?.drain === drain ? [] : [{ type: 'MachineCordoned', machine, reason, drain }],
  );
}

type CordonEvent = Extract<ClusterEvent, { type: 'MachineCordoned' | 'MachineUncordoned' | 'MachineDrained' }>;

/** Changes the state by one fact about who may have new units. It outlasts the machine's absence. */
export function evolveCordon(state: ClusterState, event: CordonEvent, at: number): void {
  const { machine } = event;
  switch (event.type) {
    case 'MachineCordoned':
      return state.cordons.set(machine, { reason: event.reason, drain: event.drain, since: at });
    case 'MachineUncordoned':
      state.cordons.delete(machine);
      return allowBack(state, machine);
    case 'MachineDrained': {
      const cordon = state.cordons.get(machine);
      if (cordon) state.cordons.set(machine, { ...cordon, drain: 'done' });
      return;
    }
    default:
      return event satisfies never;
  }
}

/** Units that were moved away from there and have found no place yet may stay after all. */
function allowBack(state: ClusterState, machine: string): void {
  for (const [name, { from }] of [...state.moving.entries()]) {
    const isHomeless = Object.keys(state.units.get(name)?.machines ?? {}).length === 0;
    if (from === machine && isHomeless) state.moving.delete(name);
  }
}
