import type { Bus } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { digestReports } from '../../shared/domain/digest.ts';
import { rebalanceUnderWay } from '../../shared/domain/rebalance.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import { isRollingOut } from '../../shared/domain/rollout.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { Leader } from '../../shared/log/leaderActor.ts';
import type { Projection } from '../../shared/log/projection.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { CommandReply } from '../../shared/protocol/commands.ts';
import { encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { CommitLoop } from './commitLoop.ts';
import { CopyWatch } from './copyWatch.ts';
import { type Hearing, readyMachines } from './hearing.ts';
import { LeaseWatch } from './leaseWatch.ts';
import { parseCommand } from './parseCommand.ts';
import { assignmentOf } from './policy/assignment.ts';
import { isDraining } from './policy/draining.ts';
import { isRescheduling } from './policy/rescheduling.ts';
import { hasOpenTriggers } from './triggering.ts';

export interface LeadOptions {
  id: string;
  bus: Bus;
  log: EventLog;
  clock: Clock;
  ids: () => string;
  projection: Projection;
  leader: Leader;
  epoch: number;
  /** Aborts at the end of the term. */
  signal: AbortSignal;
  hearing: Hearing;
  onError: (error: unknown) => void;
}

/** So many equal heartbeats in a row must differ from the log before the node is asked to say everything again. */
const resyncAfterBeats = 4;

/**
 * One term of leadership: takes commands and heartbeats, and keeps every machine's assignment published. Resolves at
 * the end of the term.
 * @throws {FencedError} somebody else leads.
 */
export async function lead(options: LeadOptions): Promise<void> {
  const { bus, log, clock, ids, projection, leader, signal, hearing } = options;
  const { watch } = hearing;
  const by = `scheduler/${options.id}`;
  const writer = createSubjectWriter({ log, subject: subjects.clusterLog, by, ids, clock, signal });
  writer.reset(projection.head(subjects.clusterLog));
  const term = new Term(options, () => loop.nudge());
  const loop = new CommitLoop({
    projection,
    writer,
    clock,
    proveLeadership: () => leader.proveLeadership(),
    silences: () => watch.silences(),
    onSlowLog: () => watch.pardon(),
    endedLeases: () => term.leases.ended(),
    endedCopies: () => term.copies.ended(),
    onCommitted: (machines, seq) => term.publish(machines, seq),
    maxBytes: bus.maxPayload / 2,
  });
  const commands = bus.subscribe(subjects.clusterCommands, ({ data, respond }) => take(loop, data, respond));
  const ends = [
    () => commands.unsubscribe(),
    hearing.answerWith((machine, heartbeat) => term.answer(machine, heartbeat)),
    watch.judge(() => loop.nudge()),
    () => term.end(),
  ];
  term.publish(readyMachines(projection.state), projection.seq);
  try {
    await loop.run(signal);
  } finally {
    for (const end of ends) end();
  }
}

function take(loop: CommitLoop, data: Uint8Array, respond: (data: Uint8Array) => void): void {
  const command = parseCommand(data);
  const answer = (reply: CommandReply) => respond(encodeJson(abridged(reply)));
  if (!isRejection(command)) return loop.submit(command, answer);
  const { code, message, details } = command;
  answer({ ok: false, code, message, details });
}

/** An answer has to fit into a message, whatever there is to say. */
const mostLines = 200;
const longestLine = 2_000;

function abridged(reply: CommandReply): CommandReply {
  const abridge = (lines: string[]) => [
    ...lines.slice(0, mostLines).map((line) => line.slice(0, longestLine)),
    ...(lines.length > mostLines ? [`… and ${lines.length - mostLines} more`] : []),
  ];
  if (!reply.ok) return { ...reply, details: abridge(reply.details) };
  return reply.warnings ? { ...reply, warnings: abridge(reply.warnings) } : reply;
}

const tickMs = 500;

/** What a leader knows that is not on the log, and means nothing to the next one. */
class Term {
  readonly leases: LeaseWatch;
  readonly copies: CopyWatch;
  readonly #options: LeadOptions;
  /** Version of each machine's newest assignment. */
  readonly #versions = new Map<string, number>();
  /** The assignments are published as of this sequence. */
  #published = 0;
  /** What the log says of each machine's units, and as of which sequence. */
  readonly #digests = new Map<string, { seq: number; digest: string }>();
  /** Heartbeats in a row with the same digest, which is not the log's. */
  readonly #differing = new Map<string, { digest: string; beats: number }>();
  readonly #stopListening: () => void;
  readonly #stopTicking: () => void;

  constructor(options: LeadOptions, nudge: () => void) {
    const { clock, projection, leader } = options;
    this.#options = options;
    this.leases = new LeaseWatch({ clock, state: () => projection.state, leader, onEnded: nudge });
    this.copies = new CopyWatch({ clock, state: () => projection.state, onEnded: nudge });
    this.#stopTicking = this.#tick(clock, nudge);
    this.#stopListening = projection.onCommit(() => {
      // A drain, a rebalance, or a rollout goes on when nodes report that what was moved is well.
      if (
        isRollingOut(projection.state) ||
        hasOpenTriggers(projection.state) ||
        isDraining(projection.state) ||
        rebalanceUnderWay(projection.state) !== null
      )
        nudge();
    });
  }

  /** What waits for time to pass is looked at again. */
  #tick(clock: Clock, nudge: () => void): () => void {
    const tick = () => {
      const { state } = this.#options.projection;
      const isTime = this.copies.ended().length > 0;
      if (isTime || isRollingOut(state) || isRescheduling(state) || hasOpenTriggers(state)) nudge();
      timer = clock.setTimeout(tick, tickMs);
    };
    let timer = clock.setTimeout(tick, tickMs);
    return () => clock.clearTimeout(timer);
  }

  end(): void {
    this.leases.end();
    this.#stopListening();
    this.#stopTicking();
  }

  /** Publishes the whole assignments of these machines as of `version`. */
  publish(machines: Iterable<string>, version: number): void {
    this.#published = version;
    for (const machine of machines) {
      if (this.#options.projection.state.machines.get(machine)?.state === 'ready') {
        this.#versions.set(machine, version);
        this.#publish(machine, version);
      } else {
        this.#versions.delete(machine);
        this.#differing.delete(machine);
        this.#digests.delete(machine);
      }
    }
  }

  #publish(machine: string, version: number): void {
    const { bus, projection, onError } = this.#options;
    const data = encodeJson(assignmentOf(projection.state, machine, version));
    if (data.length <= bus.maxPayload) return bus.publish(subjects.assignment(machine), data);
    const limit = `the bus takes ${bus.maxPayload}: raise max_payload of the NATS servers, or destroy units there`;
    onError(new Error(`the assignment of machine ${machine} has ${data.length} bytes, ${limit}`));
  }

  answer(machine: string, heartbeat: Heartbeat): HeartbeatReply {
    const known = this.#options.projection.state.machines.get(machine);
    if (known?.state !== 'ready') return { ok: false, code: 'join' };
    if (known.session !== heartbeat.session) return { ok: false, code: 'replaced' };
    const assignment = this.#versions.get(machine) ?? 0;
    const isAllPublished = this.#isAllPublished();
    // It has not taken up the newest one: perhaps nothing reached it, nor the stream. It is the same if sent again.
    if (heartbeat.assignment < assignment && isAllPublished) this.#publish(machine, assignment);
    const isUpToDate = heartbeat.assignment === assignment && isAllPublished;
    const renews = this.leases.heard(machine, isUpToDate ? heartbeat.held : undefined);
    if (isUpToDate) this.copies.heard(machine, heartbeat.leaving);
    const resync = this.#isOutOfSync(machine, heartbeat.digest);
    return { ok: true, assignment, resync, ...(renews ? { lease: true } : {}) };
  }

  /** The log may have given back a commit whose append is not answered yet: nobody has been sent what it changes. */
  #isAllPublished(): boolean {
    return this.#options.projection.head(subjects.clusterLog).seq <= this.#published;
  }

  #digestOf(machine: string): string {
    const { seq, state } = this.#options.projection;
    const known = this.#digests.get(machine);
    if (known?.seq === seq) return known.digest;
    const digest = digestReports(state.reports.get(machine)?.values() ?? []);
    this.#digests.set(machine, { seq, digest });
    return digest;
  }

  #isOutOfSync(machine: string, digest: string): boolean {
    if (this.#digestOf(machine) === digest) {
      this.#differing.delete(machine);
      return false;
    }
    const before = this.#differing.get(machine);
    const beats = before?.digest === digest ? before.beats + 1 : 1;
    this.#differing.set(machine, { digest, beats: beats % resyncAfterBeats });
    return beats >= resyncAfterBeats;
  }
}
