/**
 * The facts of the cluster: what may stand in a commit, on which subject. Names are past tense and never change their
 * meaning; a changed shape gets a new schema version and an upcast (`protocol/upcasts.ts`).
 */

import type { TimerTimes } from './activation.ts';
import type { Dependencies } from './dependencies.ts';
import type { Health } from './health.ts';
import type { RolloutOutcome, RolloutTerms } from './rollout.ts';
import type { MonitoredEnd, TriggerKind } from './triggering.ts';
import type { UnitSubmission } from './unit.ts';
import type { Placement, Resources } from './unitSpec.ts';

/** A moment, ms since 1970, and ids come in with the event; folding never asks a clock. */
export type ClusterEvent =
  /** `cluster`: its id, made by the first leader and repeated by every later one. */
  | { type: 'LeaderElected'; role: 'scheduler'; epoch: number; leader: string; cluster: string }
  | ({ type: 'MachineJoined' } & MachineFacts)
  /** It was changed at run time to be this: what is other than before outlasts the machine's absence. */
  | { type: 'MachineMetadataChanged'; machine: string; metadata: Record<string, string> }
  /** No heartbeat for longer than the timeout. */
  | { type: 'MachineLost'; machine: string; reason: string }
  /** Nothing new is placed there until it is uncordoned; `drain`: whether, and how, what it has is moved away. */
  | { type: 'MachineCordoned'; machine: string; reason: string; drain: DrainMode }
  | { type: 'MachineUncordoned'; machine: string }
  /** These units, which run, get new versions a few at a time; the versions that they have now are kept with it. */
  | ({ type: 'RolloutStarted'; rollout: string; units: UnitSubmission[] } & RolloutTerms)
  /** These units are given the version that they are to have. `refused`: those that cannot have it, and why; absent: none. */
  | { type: 'RolloutStepped'; rollout: string; units: string[]; refused?: Record<string, string> }
  /** They are well, and have been in the same state since then, as their nodes say. */
  | { type: 'RolloutUnitsWell'; rollout: string; units: { unit: string; since: number }[] }
  /** A unit has failed: those that were changed get their old version back. */
  | { type: 'RolloutTurned'; rollout: string; reason: string }
  | { type: 'RolloutEnded'; rollout: string; outcome: RolloutOutcome; reason: string }
  /** Nothing is placed there any more. */
  | { type: 'MachineDrained'; machine: string }
  /** Units move, one by one and `maxMoves` at most, until no move makes the cluster more even. */
  | { type: 'RebalanceStarted'; reason: string; maxMoves: number }
  /** After so many moves. `failed`: a unit is not well where it was moved to. */
  | { type: 'RebalanceEnded'; moves: number; outcome: RebalanceOutcome; reason: string }
  /** It was lost, or had left, and will not come back: it is no machine of the cluster any more. */
  | { type: 'MachineForgotten'; machine: string; reason: string }
  /** A clean shutdown. */
  | { type: 'MachineLeft'; machine: string; reason: string }
  | {
      type: 'UnitSubmitted';
      unit: string;
      /** The unit file, byte for byte as it came. */
      text: string;
      /** SHA-1 of the canonical text, 40 hex digits (fleet's unit hash). */
      hash: string;
      /** `Description=`, specifiers expanded. */
      description: string;
      placement: Placement;
      resources: Resources;
      /** On other units of the cluster; absent: none. */
      dependencies?: Dependencies;
      /** Directives that are unsafe to ignore, and are ignored because the sender asked for that; absent: none. */
      unsupported?: string[];
    }
  | { type: 'UnitDestroyed'; unit: string }
  /**
   * `reason`: where it was not asked for, but comes with another unit's start, stop or restart. `monitored`: the end of
   * the unit that names it in `OnFailure=` or `OnSuccess=`.
   */
  | { type: 'UnitLaunchRequested'; unit: string; reason?: string; monitored?: MonitoredEnd }
  | { type: 'UnitLoadRequested'; unit: string; reason?: string }
  | { type: 'UnitUnloadRequested'; unit: string }
  | { type: 'UnitRestartRequested'; unit: string; reason?: string }
  /** It runs, and shall read its configuration anew. */
  | { type: 'UnitReloadRequested'; unit: string; reason?: string }
  /**
   * It has failed, or ended well, there, or another unit of that machine has started it: what it names for that case was
   * started elsewhere, but for what was refused, and why.
   */
  | {
      type: 'UnitTriggered';
      unit: string;
      machine: string;
      kind: TriggerKind;
      result: string;
      starts: string[];
      refused?: Record<string, string>;
    }
  | {
      type: 'UnitPlaced';
      unit: string;
      machine: string;
      reason: string;
      score: Score;
      /** Of the machines that ranked before it: how many were rejected, by reason. */
      rejected: Record<string, number>;
      /** It has left that machine, which is there and may still run it: it is started when that copy has ended. */
      awaits?: string;
    }
  /** The copy that it was waited for does not run any more, or is not waited for any longer. */
  | { type: 'UnitAwaitEnded'; unit: string; machine: string; reason: string }
  /** `avoidUntil` (ms since 1970): it kept failing there. `move`: it shall run on another machine (`to`, if that is possible), though it could stay. */
  | {
      type: 'UnitEvicted';
      unit: string;
      machine: string;
      reason: string;
      move?: { to?: string; by?: 'rebalance'; avoidUntil?: number };
    }
  /** It was moved away from there because it kept failing; now it may be placed there again. */
  | { type: 'UnitMayReturn'; unit: string; machine: string }
  /** It has been well for long enough that its earlier failures do not count any more. */
  | { type: 'UnitFailsNoMore'; unit: string }
  /** A unit with `OnDisconnect=stop` certainly does not run there any more, so that it may run elsewhere. */
  | { type: 'UnitLeaseEnded'; unit: string; machine: string; reason: string }
  /**
   * No (further) machine would take it: how many were rejected, by reason. It is tried again whenever something changes.
   * `places`: how many have it, as units have that run on every machine; absent: written before that was told.
   */
  | { type: 'UnitLeftWaiting'; unit: string; rejected: Record<string, number>; places?: number };

/** What a node says of itself on its own subject. */
export type NodeEvent =
  /** What the node reported before is void; what follows is all there is. */
  | { type: 'NodeSynced'; machine: string; session: string; reason: string }
  | ({ type: 'UnitStateReported'; machine: string } & UnitReport)
  /** Somebody ran a command beside the unit (`flotilla exec`). */
  | { type: 'UnitCommandRun'; machine: string; unit: string; by: string; argv: string[] }
  /** The unit is no longer on this machine. */
  | { type: 'UnitStateForgotten'; machine: string; unit: string; reason: string };

export type RebalanceOutcome = 'even' | 'limit' | 'stopped' | 'failed';

/** Whether a cordoned machine is emptied: unit after unit, each when the one before is well elsewhere, or all at once. */
export type DrainMode = 'no' | 'one-by-one' | 'at-once';

/** Why a machine won over others that might have taken the unit. */
export interface Score {
  /** How full it was, 0 to 1: the larger of the reserved shares of memory and CPU. */
  load: number;
  /** How many units it had. */
  units: number;
  /** `Spread=`: by key, how many instances of the template run where that key has the machine's value. */
  spread?: number[];
  /** `Affinity=`: the sum of the weights. */
  affinity?: number;
}

export type Event = ClusterEvent | NodeEvent;
export type EventType = Event['type'];

export interface MachineFacts {
  machine: string;
  /** A new one each time that the agent starts. */
  session: string;
  /** Made once for a node's directory: tells a restarted node from another one with the same machine id. */
  nodeKey: string;
  /** The kernel's boot id. */
  bootId: string;
  ip: string;
  hostname: string;
  /** Flotilla's version. */
  version: string;
  metadata: Record<string, string>;
  /** What units may reserve here. */
  capacity: Resources;
  /** `docker`, `process`, … */
  runtimes: string[];
}

/** One unit's state on one machine, in systemd's words. */
export interface UnitReport {
  unit: string;
  /** Of the unit file that these states belong to. */
  hash: string;
  load: 'loaded' | 'error';
  active: ActiveState;
  sub: string;
  /** systemd's `Result=`: `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit`, `resources` … */
  result: string;
  /** Which wish it answers: the unit's `goal`, a sequence of the cluster's log. */
  goal: number;
  /** Why it changed, for people. */
  reason: string;
  /** Exit code, or name of the signal, of the main process's last end. */
  exit?: { code: number } | { signal: string };
  /** Main process, or container, while there is one. */
  pid?: number;
  container?: string;
  /** What its health check says, while it runs and has one. */
  health?: Health;
  /** Id of its activation; told where other units are to know it (`OnFailure=`, `OnSuccess=`). */
  invocation?: string;
  /** When another unit of its machine last started it, ms since 1970; absent: it was started otherwise since, or never. */
  activatedAt?: number;
  /** How often it was restarted by `Restart=`. */
  restarts?: number;
  /** Why its last reload failed; it runs on. Absent: it did not, or there was none. */
  reloadFailure?: string;
  /** What it says of itself (`STATUS=`, sd_notify(3)); told now and then, not each time. */
  status?: string;
  /** Of a timer that is active. */
  timer?: TimerTimes & {
    /** When it elapses next, ms since 1970; absent: not by itself. */
    next?: number;
  };
}

/** As the log has it: `since` when it is in this active and sub state, ms since 1970. */
export interface ReportedState extends UnitReport {
  since: number;
}

export type ActiveState = 'inactive' | 'activating' | 'active' | 'deactivating' | 'failed' | 'reloading';
