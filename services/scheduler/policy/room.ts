import { evolve, type Moment } from '../../../shared/domain/cluster.ts';
import type { ClusterState } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../../shared/domain/events.ts';

/** Takes note whether what happens makes room. */
export class Room {
  #isMade = false;

  get isMade(): boolean {
    return this.#isMade;
  }

  /** Changes the state by the event. A new version may end what the one before had to do with others, or begin it. */
  evolve(state: ClusterState, event: ClusterEvent, moment: Moment): void {
    this.#isMade ||= makesRoom(state, event);
    evolve(state, event, moment);
    this.#isMade ||= makesRoom(state, event);
  }
}

/**
 * Whether the event may make room for a unit that found none before, or change why there is none. A unit that has no
 * machine, and nothing to do with other ones, does neither: thousands that wait are not looked at anew for each that comes.
 */
export function makesRoom(state: ClusterState, event: ClusterEvent): boolean {
  if (!roomMakers.has(event.type)) return false;
  return !('unit' in event && wishes.has(event.type)) || concernsOthers(state, event.unit);
}

function concernsOthers({ units, dependents, followers }: ClusterState, name: string): boolean {
  const { machines = {}, dependencies } = units.get(name) ?? {};
  const isNamed = dependents.get(name).size > 0 || followers.get(name).size > 0;
  return Object.keys(machines).length > 0 || dependencies !== undefined || isNamed;
}

const roomMakers: ReadonlySet<string> = new Set([
  'MachineJoined',
  'MachineMetadataChanged',
  'MachineUncordoned',
  'MachineLost',
  'MachineLeft',
  'UnitSubmitted',
  'UnitDestroyed',
  'UnitUnloadRequested',
  'UnitLoadRequested',
  'UnitLaunchRequested',
  'UnitEvicted',
  'UnitLeaseEnded',
  'UnitMayReturn',
  // These take room: those that wait are told why they wait now.
  'MachineCordoned',
  'UnitPlaced',
] satisfies ClusterEvent['type'][]);

/** Of these nobody takes note who has nothing to do with the unit. */
const wishes: ReadonlySet<string> = new Set([
  'UnitSubmitted',
  'UnitLoadRequested',
  'UnitLaunchRequested',
] satisfies ClusterEvent['type'][]);
