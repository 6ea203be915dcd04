/**
 * The facts of the cluster: what may stand in a commit, on which subject. Names are past tense and never change their
 * meaning; a changed shape gets a new schema version and an upcast (`protocol/upcasts.ts`).
 */
import type { Placement, Resources } from './unitSpec.ts';

/** A moment, ms since 1970, and ids come in with the event; folding never asks a clock. */
export type ClusterEvent =
  /** `cluster`: its id, made by the first leader and repeated by every later one. */
  | { type: 'LeaderElected'; role: 'scheduler'; epoch: number; leader: string; cluster: string }
  | ({ type: 'MachineJoined' } & MachineFacts)
  | { type: 'MachineMetadataChanged'; machine: string; metadata: Record<string, string> }
  /** No heartbeat for longer than the timeout. */
  | { type: 'MachineLost'; machine: string; reason: string }
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
    }
  | { type: 'UnitDestroyed'; unit: string }
  | { type: 'UnitLaunchRequested'; unit: string }
  | { type: 'UnitLoadRequested'; unit: string }
  | { type: 'UnitUnloadRequested'; unit: string }
  | { type: 'UnitRestartRequested'; unit: string }
  | {
      type: 'UnitPlaced';
      unit: string;
      machine: string;
      reason: string;
      /** How full the machine was when it won, 0 to 1, and how many units it had. */
      score: { load: number; units: number };
      /** Of the machines that ranked before it: how many were rejected, by reason. */
      rejected: Record<string, number>;
    }
  | { type: 'UnitEvicted'; unit: string; machine: string; reason: string }
  /** No machine would take it: how many were rejected, by reason. It is tried again whenever something changes. */
  | { type: 'UnitLeftWaiting'; unit: string; rejected: Record<string, number> };

/** What a node says of itself on its own subject. */
export type NodeEvent =
  /** What the node reported before is void; what follows is all there is. */
  | { type: 'NodeSynced'; machine: string; session: string; reason: string }
  | ({ type: 'UnitStateReported'; machine: string } & UnitReport)
  /** The unit is no longer on this machine. */
  | { type: 'UnitStateForgotten'; machine: string; unit: string; reason: string };

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
  /** How often it was restarted by `Restart=`. */
  restarts?: number;
}

/** As the log has it: `since` when it is in this active and sub state, ms since 1970. */
export interface ReportedState extends UnitReport {
  since: number;
}

export type ActiveState = 'inactive' | 'activating' | 'active' | 'deactivating' | 'failed' | 'reloading';
