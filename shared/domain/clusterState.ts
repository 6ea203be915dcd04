import type { MachineFacts, ReportedState } from './events.ts';
import { Index, Table } from './table.ts';
import type { Placement, Resources } from './unitSpec.ts';

/** fleet's words for what is wished of a unit: known, placed, running. */
export type DesiredState = 'inactive' | 'loaded' | 'launched';

export interface UnitRecord {
  readonly name: string;
  readonly text: string;
  readonly hash: string;
  readonly description: string;
  readonly placement: Placement;
  readonly resources: Resources;
  readonly desired: DesiredState;
  /** Where it is placed. One machine at most, unless it is global. */
  readonly machines: Readonly<Record<string, UnitPlace>>;
  /** Sequence of the commit that last changed what is wished of it; a node's report names the goal that it answers. */
  readonly goal: number;
  /** Sequence of the last `UnitRestartRequested`, 0 when there was none. */
  readonly restart: number;
}

export interface UnitPlace {
  /** Sequence of the placement: a fencing token that grows cluster-wide. */
  readonly token: number;
  readonly reason: string;
}

export interface Waiting {
  /** Why it wishes a machine. */
  readonly why: string;
  /** How many machines were rejected, by reason. */
  readonly rejected: Readonly<Record<string, number>>;
}

export type MachineState = 'ready' | 'lost' | 'left';

export interface MachineRecord extends MachineFacts {
  readonly state: MachineState;
  /** Why it is lost or left. */
  readonly reason: string;
  /** When it came to be in this state, ms since 1970. */
  readonly since: number;
}

/** What is reserved on a machine by the units placed there. */
export interface Load {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly units: number;
  /** Characters of the unit files: what the machine's assignment has to carry. */
  readonly textLength: number;
}

/**
 * The cluster at one moment: the fold of all commits up to there. `evolve` changes it in place (a persistent structure
 * would cost the replay of a long history most of its speed); whoever wants to try something makes a {@link draft}.
 */
export interface ClusterState {
  /** Made once, at the first election; '' before. */
  cluster: string;
  leader: { id: string; epoch: number } | null;
  machines: Table<MachineRecord>;
  units: Table<UnitRecord>;
  /** Unit names by the machine they are placed on. */
  assigned: Index;
  /** Of those, the ones with `Conflicts=`. */
  conflicting: Index;
  /** Units by the unit that their `MachineOf=` names. */
  followers: Index;
  loads: Table<Load>;
  /** Units that wish to be placed, or placed elsewhere, and have not been looked at since: why they wish it. */
  pending: Table<string>;
  /** Units that were looked at and found no (further) machine. Every global unit ends here. */
  waiting: Table<Waiting>;
  /** What nodes report, by machine and unit. */
  reports: Table<Map<string, ReportedState>>;
  /** The last commands that changed something: id and sequence of their commit. */
  answered: Table<number>;
}

/** How many answered commands are remembered, so that a retry is answered and not repeated. */
export const rememberedCommands = 10_000;

export function initialState(): ClusterState {
  return {
    cluster: '',
    leader: null,
    machines: new Table(),
    units: new Table(),
    assigned: new Index(),
    conflicting: new Index(),
    followers: new Index(),
    loads: new Table(),
    pending: new Table(),
    waiting: new Table(),
    reports: new Table(),
    answered: new Table(),
  };
}

/** A state to try decisions on. Reports are facts of nodes: a draft may drop a machine's, but not change them. */
export function draft(state: ClusterState): ClusterState {
  return {
    cluster: state.cluster,
    leader: state.leader,
    machines: state.machines.draft(),
    units: state.units.draft(),
    assigned: state.assigned.draft(),
    conflicting: state.conflicting.draft(),
    followers: state.followers.draft(),
    loads: state.loads.draft(),
    pending: state.pending.draft(),
    waiting: state.waiting.draft(),
    reports: state.reports.draft(),
    answered: state.answered.draft(),
  };
}

export const emptyLoad: Load = { memoryBytes: 0, cpus: 0, units: 0, textLength: 0 };

/** Adds cores in whole millionths: sums of fractions are the same in whatever order, and shrink back to nothing. */
export function addCpus(a: number, b: number): number {
  return (Math.sign(a) * Math.round(Math.abs(a) * 1e6) + Math.sign(b) * Math.round(Math.abs(b) * 1e6)) / 1e6;
}
