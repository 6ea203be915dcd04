/**
 * The one home of subjects: every subject Flotilla uses is built here, and taken apart here.
 *
 * Machine ids, unit names and role names become one token each. A token of NATS may not contain `.`, `*`, `>` or
 * white space, so those (and `%` itself) are percent-encoded, as UTF-8 bytes.
 */

const unsafeInToken = /[.*>%\s\p{Cc}]/gu;

/** Makes one subject token of any non-empty text. */
export function encodeToken(text: string): string {
  if (text === '') throw new RangeError('a subject token cannot be empty');
  return text.replace(unsafeInToken, (char) =>
    Array.from(new TextEncoder().encode(char), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

/** The text that {@link encodeToken} made a token of; null where it made none of them. */
export function decodeToken(token: string): string | null {
  try {
    return decodeURIComponent(token);
  } catch {
    // Anybody may send on subjects: a `%` that begins no UTF-8 byte is not ours.
    return null;
  }
}

export const streams = {
  log: 'FLOTILLA',
  kv: 'FLOTILLA_KV',
  fence: 'FLOTILLA_FENCE',
  assign: 'FLOTILLA_ASSIGN',
  snapshots: 'flotilla-snapshots',
} as const;

export type Role = 'scheduler' | 'kv';

const prefix = {
  node: 'flotilla.log.node.',
  fence: 'flotilla.fence.',
  assign: 'flotilla.assign.',
  hb: 'flotilla.hb.',
  kvWatch: 'flotilla.watch.kv.',
  kvMember: 'flotilla.kv.member.',
};

export const subjects = {
  /** Every subject of the `FLOTILLA` stream. */
  log: ['flotilla.log.cluster', 'flotilla.log.node.*'],
  /** Facts of the cluster, written by the leading scheduler alone. */
  clusterLog: 'flotilla.log.cluster',
  /** Facts of one machine, written by its node alone. */
  nodeLog: (machine: string) => `${prefix.node}${encodeToken(machine)}`,

  /** What the key/value store has executed, written by the leading store alone: the only subject of `FLOTILLA_KV`. */
  kvLog: 'flotilla.log.kv',

  allFences: `${prefix.fence}*`,
  /** Compare-and-append on it makes an epoch of that role. */
  fence: (role: Role) => `${prefix.fence}${encodeToken(role)}`,
  /** Core NATS: the heartbeat of that role's leader. */
  leader: (role: Role) => `flotilla.leader.${encodeToken(role)}`,

  allAssignments: `${prefix.assign}*`,
  /** The last message on it is the machine's whole assignment. */
  assignment: (machine: string) => `${prefix.assign}${encodeToken(machine)}`,

  /** Commands to the cluster: request/reply, answered by the leading scheduler. */
  clusterCommands: 'flotilla.cmd.cluster',
  /** Queries: request/reply, answered by any scheduler. */
  queries: 'flotilla.query.cluster',
  /** The same queries, answered by the leading scheduler alone. */
  leaderQueries: 'flotilla.query.leader',

  allHeartbeats: `${prefix.hb}*`,
  /** Heartbeats of a machine's node: request/reply, answered by the leading scheduler. */
  heartbeat: (machine: string) => `${prefix.hb}${encodeToken(machine)}`,

  /** Commands to the key/value store: request/reply, answered by the leading store. */
  kvCommands: 'flotilla.cmd.kv',
  /** Questions to the key/value store: request/reply, answered by any store. */
  kvQueries: 'flotilla.query.kv',
  /** Asks any store to send what happens to keys: request, many replies (see `kvWatch.ts`). */
  kvWatches: 'flotilla.watch.kv',
  /** The same, to the store that sends already. */
  kvWatch: (member: string) => `${prefix.kvWatch}${encodeToken(member)}`,
  /** What the stores ask of the leading one among themselves: request/reply. */
  kvLeader: 'flotilla.kv.leader',
  /** Stores say that they are there. */
  kvMembers: 'flotilla.kv.members',
  /** What one store is asked by name: request/reply. */
  kvMember: (member: string) => `${prefix.kvMember}${encodeToken(member)}`,

  /** What a restore writes instead of a subject of the log, while nobody else may write there. */
  restoring: (subject: string) => `restoring.${subject}`,

  /** Journals of the units on a machine: request, many replies (see `journal.ts`). */
  journal: (machine: string) => `flotilla.journal.${encodeToken(machine)}`,
  /** Commands to be run beside a machine's units: request, then a pipe (see `exec.ts`). */
  exec: (machine: string) => `flotilla.exec.${encodeToken(machine)}`,
  /** What a unit uses of a machine: request/reply (see `usage.ts`). */
  usage: (machine: string) => `flotilla.usage.${encodeToken(machine)}`,
  /** What a machine is busy with for a unit: request/reply (see `activity.ts`). */
  activity: (machine: string) => `flotilla.activity.${encodeToken(machine)}`,
} as const;

/** The machine whose heartbeat this is, or null. */
export function parseHeartbeatSubject(subject: string): string | null {
  return tokenAfter(prefix.hb, subject);
}

function tokenAfter(start: string, subject: string): string | null {
  if (!subject.startsWith(start)) return null;
  const token = subject.slice(start.length);
  return token === '' || token.includes('.') ? null : decodeToken(token);
}
