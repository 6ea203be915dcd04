/** What a fault is: something that is done to a lab, and undone. */
import type { Random } from '../../../test/linearizability/record/random.ts';
import type { Lab } from '../lab.ts';

export interface Fault {
  name: string;
  /** Chooses what it strikes this time. */
  aim(lab: Lab, random: Random): Promise<Strike> | Strike;
}

export interface Strike {
  /** What is struck, for people. */
  what: string;
  /**
   * Ids of the machines that the others may take for lost, or whose units end with what is struck. All other machines,
   * and their units, have to go on as if nothing had happened.
   */
  machines: readonly string[];
  /** Nodes may have no leader to renew their lease with: `OnDisconnect=stop` units may have to stop, wherever they are. */
  leases: boolean;
  /** Ids of machines whose agents start when it heals, and are to be heard at once: whether anything can be up in time is tried beside. */
  restarted?: readonly string[];
  /** How long it lasts. */
  holdMs: number;
  begin(): Promise<void>;
  heal(): Promise<void>;
}

/** What lasts while the faults strike. */
export interface Weather {
  name: string;
  begin(): Promise<void>;
  end(): Promise<void>;
}

/** Longer than a machine may be silent. */
export function longTime(random: Random): number {
  return 4_000 + random.integer(5_000);
}

export function shortTime(random: Random): number {
  return random.integer(1_000);
}

/** Picks one of a list that has at least one. */
export function pickOne<T>(random: Random, items: readonly T[]): T {
  const [first, ...others] = items;
  if (first === undefined) throw new RangeError('there is nothing to pick from');
  return random.pick([first, ...others]);
}
