/** What nodes and the leading scheduler tell each other: heartbeats, assignments, journals. */
import type { TimerTimes } from '../domain/activation.ts';
import type { DesiredState } from '../domain/clusterState.ts';
import type { UnitReport } from '../domain/events.ts';
import type { MonitoredEnd } from '../domain/triggering.ts';

/** Request on `flotilla.hb.<machine>`, every half second. */
export interface Heartbeat {
  session: string;
  /** Version of the assignment that the node has taken up; 0 for none yet. */
  assignment: number;
  /** {@link digestReports} of what it has reported. */
  digest: string;
  /**
   * Units with `OnDisconnect=stop` that are here in whatever state, or may be. Absent: the node has just started and does
   * not know yet what an earlier agent left.
   */
  held?: string[] | undefined;
  /**
   * Units that are here, in whatever state, though the assignment does not name them: they are being stopped. Null: the
   * node does not know yet what an earlier agent left. Absent: it is of a version that did not say.
   */
  leaving?: string[] | null | undefined;
  /** How long answers took lately, ms: on slow links a machine may be silent for longer. Absent: no time worth telling. */
  answeredInMs?: number | undefined;
  /** The agent ends in good order and leaves its units running: the next one is to be there within this long, ms. */
  backWithinMs?: number | undefined;
  /** The agent has just started and has not joined yet: the node whose units it takes up. It is alive, and no more than that. */
  takesUp?: { nodeKey: string; bootId: string } | undefined;
}

export type HeartbeatReply =
  | {
      ok: true;
      /** Version of the machine's newest assignment: a node that has an older one reads it. */
      assignment: number;
      /** It prolongs the leases of units with `OnDisconnect=stop`: whoever answers has just proved that it leads. */
      lease?: boolean | undefined;
      /** The log says something else than the node reported: it reports everything again. */
      resync: boolean;
    }
  /**
   * `join`: the machine is not (or no longer) part of the cluster. `replaced`: another start of this node is; to one that
   * has not joined yet that says nothing.
   */
  | { ok: false; code: 'join' | 'replaced' };

/** Message on `flotilla.assign.<machine>`: everything that the machine is to do. */
export interface Assignment {
  machine: string;
  /** The cluster's id: versions, tokens and goals of another one mean nothing here. */
  cluster: string;
  /** The start of the agent that it is meant for: another machine with the same id must not take it for its own. */
  session: string;
  /** Sequence on the log that it reflects; a lower one is older, whoever sent it. */
  version: number;
  units: AssignedUnit[];
}

export interface AssignedUnit {
  name: string;
  text: string;
  hash: string;
  desired: DesiredState;
  /** Sequence of the placement: fences copies that an older placement started. */
  token: number;
  /** Sequence of the wish; reports name it. */
  goal: number;
  /** Sequence of the last restart that was asked for; 0 for none. */
  restart: number;
  /** Of a timer: what the cluster knows of its past. */
  timer?: TimerTimes | undefined;
  /** Sequence of the last reload that was asked for; absent: there was none. */
  reload?: number | undefined;
  /** It was started because that unit has ended; absent: it was not. */
  monitored?: MonitoredEnd | undefined;
  /** It is not started before that machine has ended its copy; absent: there is none. */
  awaits?: string | undefined;
  /** The cluster whose sequences these are. */
  cluster?: string | undefined;
}

/**
 * Request on `flotilla.journal.<machine>`; the lines come on `replyTo` as {@link JournalReply}. The request itself is
 * answered at once with `{}`, so that who asks knows that the node is there.
 */
export interface JournalRequest {
  /** Names the stream: asking again with the same id keeps a followed one alive. */
  id: string;
  unit: string;
  lines: number;
  follow: boolean;
  /** Of the past only what came at or after, and not later than, these moments: ms since 1970. */
  since?: number | undefined;
  until?: number | undefined;
  /** The moments at which the lines came are asked for. */
  stamps?: boolean | undefined;
  /** An inbox of the asker's. */
  replyTo: string;
}

export type JournalReply =
  /** `at`, where it was asked for: when each line came, ms since 1970; null: nobody knows. */
  | { lines: string[]; at?: (number | null)[] }
  /** The last message: the end, or why there is nothing. */
  | { end: true; error?: string };

/** What a unit uses right now; what cannot be told is absent. */
export interface UnitUsage {
  memoryBytes?: number;
  /** Since it was started. */
  cpuMs?: number;
  tasks?: number;
  processes: { pid: number; command: string }[];
  /** Their control group, as cgroups(7) writes it; absent: they are in none of their own. */
  group?: string;
}

/** A command of a unit that has ended since the unit was last started. */
export interface EndedCommand {
  /** `ExecStartPre`. */
  directive: string;
  /** As written. */
  line: string;
  /** Absent: a container, or nobody noted it. */
  pid?: number;
  exit: NonNullable<UnitReport['exit']>;
}

/** Answer to an {@link ActivityRequest} on `flotilla.usage.<machine>`; null: nothing of the unit runs. */
export interface UsageReply {
  usage: UnitUsage | null;
  /** In the order in which they ended. Absent: the node is an older one. */
  ended?: EndedCommand[];
  /** What shares of the machine are shares of. Absent: the node is an older one. */
  whole?: { memoryBytes: number; tasks: number };
}

/** Request on `flotilla.activity.<machine>`. */
export interface ActivityRequest {
  unit: string;
}

/** In words, such as how far a pull is; null: nothing that takes long. */
export interface ActivityReply {
  activity: string | null;
}

/** A node that follows a journal for somebody stops when it has not been asked again for this long. */
export const journalKeepAliveMs = 10_000;
