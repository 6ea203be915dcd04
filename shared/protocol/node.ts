/** What nodes and the leading scheduler tell each other: heartbeats, assignments, journals. */
import type { DesiredState } from '../domain/clusterState.ts';

/** Request on `flotilla.hb.<machine>`, every half second. */
export interface Heartbeat {
  session: string;
  /** Version of the assignment that the node has taken up; 0 for none yet. */
  assignment: number;
  /** {@link digestReports} of what it has reported. */
  digest: string;
}

export type HeartbeatReply =
  | {
      ok: true;
      /** Version of the machine's newest assignment: a node that has an older one reads it. */
      assignment: number;
      /** The log says something else than the node reported: it reports everything again. */
      resync: boolean;
    }
  /** `join`: the machine is not (or no longer) part of the cluster. `replaced`: a newer start of this node took over. */
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
  /** An inbox of the asker's. */
  replyTo: string;
}

export type JournalReply =
  | { lines: string[] }
  /** The last message: the end, or why there is nothing. */
  | { end: true; error?: string };

/** A node that follows a journal for somebody stops when it has not been asked again for this long. */
export const journalKeepAliveMs = 10_000;
