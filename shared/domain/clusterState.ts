import type { TimerTimes } from './activation.ts';
import type { Awaiting } from './awaiting.ts';
import type { Dependencies } from './dependencies.ts';
import type { DrainMode, MachineFacts, ReportedState } from './events.ts';
import type { LeaseTerms } from './lease.ts';
import type { Rebalance } from './rebalance.ts';
import type { Failing, Rescheduled } from './rescheduling.ts';
import type { Rollout } from './rollout.ts';
import { Index, Table } from './table.ts';
import type { MonitoredEnd, Triggers } from './triggering.ts';
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
  /** On other units of the cluster, whether it knows them or not; absent: none. */
  readonly dependencies?: Dependencies;
  /** Directives that are ignored because the sender asked for that (`--allow-unsupported`); absent: none. */
  readonly unsupported?: readonly string[];
  readonly desired: DesiredState;
  /** Where it is placed. One machine at most, unless it is global. */
  readonly machines: Readonly<Record<string, UnitPlace>>;
  /** Sequence of the commit that last changed what is wished of it; a node's report names the goal that it answers. */
  readonly goal: number;
  /** Of the copies that may run: of this version, or of one before it. */
  readonly lease?: LeaseTerms;
  /** Sequence of the last `UnitRestartRequested`, 0 when there was none. */
  readonly restart: number;
  /** Of a timer that has been active. */
  readonly timer?: Readonly<TimerTimes>;
  /** Sequence of the last `UnitReloadRequested`; absent: there was none. */
  readonly reload?: number;
  /** It was last started because that unit has ended; absent: it was not. */
  readonly monitored?: MonitoredEnd;
}

export interface UnitPlace {
  /** Sequence of the placement: a fencing token that grows cluster-wide. */
  readonly token: number;
  readonly reason: string;
  /** It was to wait for its copy there to end, and has come back to it; absent: it was not. */
  readonly isBack?: true;
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

/** Why a machine gets nothing new. */
export interface Cordon {
  readonly reason: string;
  /** `done`: nothing is placed there any more. */
  readonly drain: DrainMode | 'done';
  /** ms since 1970. */
  readonly since: number;
}

/** What was set at run time of a machine's metadata, and goes before what its node says; null: taken away. */
export type MetadataOverrides = Readonly<Record<string, string | null>>;

/** A unit that is moved from one machine to another, until it is well there. */
export interface Moving {
  readonly from: string;
  readonly to?: string;
  readonly by?: 'rebalance';
  /** It was well before, so that it is worth waiting until it is again. */
  readonly wasWell: boolean;
}

/** A place that a unit has lost, where it may run until its lease ends. */
export interface Lease extends LeaseTerms {
  readonly machine: string;
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
  /** Machines that get nothing new, known or not at the moment. */
  cordons: Table<Cordon>;
  /** By machine, known or not at the moment. */
  metadata: Table<MetadataOverrides>;
  /** By unit. */
  moving: Table<Moving>;
  /** The one that is under way, or the last one; null: there was none. */
  rebalance: Rebalance | null;
  /** By id: those that are under way, and the last that have ended. */
  rollouts: Table<Rollout>;
  /** By unit, of those with `RescheduleAfter=`. */
  failing: Table<Failing>;
  rescheduled: Table<Rescheduled>;
  /** By unit, of those with `OnFailure=` or `OnSuccess=`. */
  triggers: Table<Triggers>;
  /** By unit: where a copy may still run, so that it must not run elsewhere. */
  leases: Table<Lease>;
  /** By unit: where a copy has to end before it is started where it is now. */
  awaiting: Table<Awaiting>;
  /** By unit: machines that tell of it without having it, or having it any more. */
  leaving: Index;
  /** Unit names by the machine they are placed on. */
  assigned: Index;
  /** Of those, the ones with `Conflicts=` or `Replaces=`. */
  conflicting: Index;
  /** Units by the unit that their `MachineOf=` names. */
  followers: Index;
  /** Units by what their dependencies say of others, known or not: `indexKeys`. */
  dependents: Index;
  /** Units that are instances of a template, by the template's name. */
  instances: Index;
  /** Of the units on each machine, those that hold a lease there. */
  leasing: Index;
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
    cordons: new Table(),
    metadata: new Table(),
    moving: new Table(),
    rebalance: null,
    rollouts: new Table(),
    failing: new Table(),
    rescheduled: new Table(),
    triggers: new Table(),
    leases: new Table(),
    awaiting: new Table(),
    leaving: new Index(),
    assigned: new Index(),
    conflicting: new Index(),
    followers: new Index(),
    dependents: new Index(),
    instances: new Index(),
    leasing: new Index(),
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
    cordons: state.cordons.draft(),
    metadata: state.metadata.draft(),
    moving: state.moving.draft(),
    rebalance: state.rebalance,
    rollouts: state.rollouts.draft(),
    failing: state.failing.draft(),
    rescheduled: state.rescheduled.draft(),
    triggers: state.triggers.draft(),
    leases: state.leases.draft(),
    awaiting: state.awaiting.draft(),
    leaving: state.leaving.draft(),
    assigned: state.assigned.draft(),
    conflicting: state.conflicting.draft(),
    followers: state.followers.draft(),
    dependents: state.dependents.draft(),
    instances: state.instances.draft(),
    leasing: state.leasing.draft(),
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
