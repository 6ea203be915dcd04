import type { ClusterState } from './clusterState.ts';
import type { ClusterEvent } from './events.ts';
import { type Rejection, reject } from './rejection.ts';

/** These machines are gone and will not come back: nothing shall be known of them any more. */
export interface ForgetCommand {
  type: 'ForgetMachines';
  machines: string[];
  reason: string;
}

/** All of them, or none: one that is alive would join again at once. */
export function decideForget(state: ClusterState, command: ForgetCommand): ClusterEvent[] | Rejection {
  const { reason } = command;
  const machines = [...new Set(command.machines)];
  const isKnown = (machine: string) => [state.machines, state.cordons, state.metadata].some((of) => of.has(machine));
  const unknown = machines.filter((machine) => !isKnown(machine));
  if (unknown.length > 0) {
    const names = unknown.map((machine) => `${machine} is not known`);
    return reject('machine-not-found', 'there is no such machine: flotilla list-machines shows those there are', names);
  }
  const alive = machines.filter((machine) => state.machines.get(machine)?.state === 'ready');
  if (alive.length > 0) {
    const names = alive.map((machine) => `${machine} (${state.machines.get(machine)?.hostname}) is ready`);
    return reject('machine-alive', 'machines that are alive cannot be forgotten: stop their nodes first', names);
  }
  return machines.map((machine) => ({ type: 'MachineForgotten', machine, reason }));
}

/**
 * A lease that it may still hold stays until it has ended: that somebody believes a machine to be gone does not stop what
 * it runs.
 */
export function evolveForgotten(state: ClusterState, machine: string): void {
  if (state.machines.get(machine)?.state === 'ready') return;
  state.machines.delete(machine);
  state.cordons.delete(machine);
  state.metadata.delete(machine);
  state.reports.delete(machine);
}
