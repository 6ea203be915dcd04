/** What may be asked about the cluster (`flotilla.query.*`). Any scheduler answers from its projection. */
import type { Cordon, MachineState } from '../domain/clusterState.ts';
import type { Score } from '../domain/events.ts';
import type { Rebalance } from '../domain/rebalance.ts';
import type { Rollout } from '../domain/rollout.ts';
import type { Resources } from '../domain/unitSpec.ts';
import type { MachineView, UnitFileView, UnitStateView } from '../domain/views.ts';

export type QueryBody =
  | { type: 'ListUnits' }
  | { type: 'ListUnitFiles' }
  | { type: 'ListTimers' }
  | { type: 'ListMachines' }
  /** Why the unit is where it is, machine by machine, as of a point of the history (now). */
  | { type: 'ExplainUnit'; unit: string; as?: HistoryPoint | undefined }
  /** How far a machine is emptied. */
  | { type: 'GetDrain'; machine: string }
  /** What a rebalance would do now. */
  | { type: 'PlanRebalance'; maxMoves: number }
  /** The rebalance that is under way, or was the last one. */
  | { type: 'GetRebalance' }
  /** How far the newest rolling replacement is that this unit is part of. */
  | { type: 'GetRollout'; unit: string }
  | { type: 'GetUnits'; units: string[] }
  /** Answers as soon as all these units have come to rest in the wished state, or `timeoutMs` (≤ 5,000) has passed. */
  | { type: 'WaitUnits'; units: string[]; until: Awaited; timeoutMs: number }
  | { type: 'GetStatus' };

/** `launched`: running, failed, or waiting for a machine. `loaded`, `inactive`: stopped there. `gone`: destroyed. */
export type Awaited = 'launched' | 'loaded' | 'inactive' | 'gone';

export type Query = QueryBody & {
  /** Answer only from a projection that has come at least this far: what the asker has written itself it must see. */
  minSeq?: number | undefined;
};

export interface QueryAnswers {
  ListUnits: { units: UnitStateView[] };
  ListUnitFiles: { units: UnitFileView[] };
  /** One row for each machine that has it; `activates`: the unit that it starts. */
  ListTimers: { timers: (UnitStateView & { activates: string })[] };
  ListMachines: { machines: MachineView[] };
  ExplainUnit: Explanation;
  GetDrain: DrainProgress;
  PlanRebalance: RebalancePlan;
  GetRollout: RolloutProgress;
  GetRebalance: { rebalance: Rebalance | null };
  GetUnits: { units: UnitDetails[] };
  WaitUnits: { units: UnitDetails[] };
  GetStatus: SchedulerStatus;
}

export interface UnitDetails {
  /** Absent: no such unit. */
  file?: UnitFileView;
  /** The unit file as it was submitted; only with `GetUnits`. */
  text?: string;
  name: string;
  /** Why it is on each machine that it is placed on; only with `GetUnits`. */
  places?: Record<string, string>;
  states: UnitStateView[];
  /** It has come to rest. */
  settled: boolean;
  /** Why it has no machine: each machine and the filter that rejected it. */
  waiting?: { why: string; machines: { id: string; reason: string }[] };
}

/** A sequence of the log, or a time (ms since 1970). */
export type HistoryPoint = { seq: number } | { at: number };

export interface Explanation {
  unit: string;
  /** The sequence that it is about; the answer's own, unless another point was asked for. */
  seq: number;
  /** Absent: there is no such unit then. */
  file?: UnitFileView;
  /** Where it is, why, and since which sequence; how it is there, once that was reported; whose copy has to end first. */
  places: { machine: string; reason: string; token: number; state?: PlaceState; awaits?: string }[];
  /** It wishes a machine: why. */
  wishes?: string;
  /** Every machine that is known, the best for the unit first. */
  machines: MachineVerdict[];
}

export type PlaceState = Pick<UnitStateView, 'active' | 'sub' | 'result' | 'reason'>;

export interface MachineVerdict {
  id: string;
  hostname: string;
  /** It has the unit. */
  isHere: boolean;
  /** What each filter says, by its name: null where it lets the unit in, else why not. */
  filters: Record<string, string | null>;
  /** Its place among those that may take the unit, from 1; null for one that may not. */
  rank: number | null;
  score: Score;
  /** What the unit reserves there. Absent: it is a scheduler of a version that did not say. */
  needs?: Resources;
}

export interface DrainProgress {
  /** Absent: the machine is not cordoned. */
  cordon?: Cordon;
  /** Units that have left it, and are not well yet where they are now. */
  onTheWay: UnitStateView[];
  /** Units that are still there, and for what each waits; null: its turn comes. */
  left: { unit: string; waitsFor: string | null }[];
}

export interface PlannedMove {
  unit: string;
  from: string;
  to: string;
  /** What is better then. */
  why: string;
}

/** How uneven a cluster is; of two, the first number that differs decides, and the lower one is better (affinity: higher). */
export interface Balance {
  /** By place in `Spread=`: how many other instances each has where it is, added up. */
  spread: number[];
  /** The sum of the weights. */
  affinity: number;
  /** Root mean square of the machines' reserved shares, 0 to 1. */
  load: number;
  /** Root mean square of the machines' numbers of units. */
  units: number;
}

export interface RebalancePlan {
  moves: PlannedMove[];
  before: Balance;
  after: Balance;
}

export interface RolloutProgress {
  /** Absent: there is none, or it ended long ago. */
  rollout?: { turned?: string; ended?: Rollout['ended'] };
  /** By name; `settling`: well, but not for long enough yet. */
  units: { unit: string; step: RolloutStep }[];
}

/** `other`: somebody has changed it to a third version, or destroyed it: it is no business of the rollout any more. */
export type RolloutStep = 'waiting' | 'down' | 'changing' | 'settling' | 'done' | 'failed' | 'other';

export interface SchedulerStatus {
  scheduler: string;
  leader: string | null;
  epoch: number;
  /** Everything up to this sequence is in the state that `stateHash` is of. */
  stateHash: string;
  machines: Record<MachineState, number>;
  units: number;
}

export type QueryReply<T extends QueryBody['type'] = QueryBody['type']> =
  | { ok: true; seq: number; data: QueryAnswers[T] }
  /** `not-leading`: ask again; somebody leads, or will. */
  | { ok: false; code: 'not-leading' | 'behind' | 'invalid-query' | 'too-large'; message: string };
