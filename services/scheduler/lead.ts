import type { Bus } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { digestReports } from '../../shared/domain/digest.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { Leader } from '../../shared/log/leaderActor.ts';
import type { Projection } from '../../shared/log/projection.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { CommandReply } from '../../shared/protocol/commands.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import type { Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { parseHeartbeatSubject, subjects } from '../../shared/protocol/subjects.ts';
import { CommitLoop } from './commitLoop.ts';
import { parseCommand } from './parseCommand.ts';
import { assignmentOf } from './policy/assignment.ts';
import { Liveness, overdue } from './policy/liveness.ts';

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
  machineTimeoutMs?: number;
}

const defaultMachineTimeoutMs = 2_000;
const livenessCheckMs = 100;
/** So many equal heartbeats in a row must differ from the log before the node is asked to say everything again. */
const resyncAfterBeats = 4;

/**
 * One term of leadership: takes commands and heartbeats, and keeps every machine's assignment published. Resolves at
 * the end of the term.
 * @throws {FencedError} somebody else leads.
 */
export async function lead(options: LeadOptions): Promise<void> {
  const { bus, log, clock, ids, projection, leader, signal } = options;
  const by = `scheduler/${options.id}`;
  const writer = createSubjectWriter({ log, subject: subjects.clusterLog, by, ids, clock, signal });
  writer.reset(projection.head(subjects.clusterLog));
  const term = new Term(options);
  const loop = new CommitLoop({
    projection,
    writer,
    proveLeadership: () => leader.proveLeadership(),
    onCommitted: (machines, seq) => term.publish(machines, seq),
    maxBytes: bus.maxPayload / 2,
    now: () => clock.now(),
  });
  const services = [
    bus.subscribe(subjects.clusterCommands, ({ data, respond }) => take(loop, data, respond)),
    bus.subscribe(subjects.allHeartbeats, ({ subject, data, respond }) => {
      const machine = parseHeartbeatSubject(subject);
      if (machine !== null) respond(encodeJson(term.heard(machine, decodeJson(data))));
    }),
  ];
  const stopWatching = watchMachines(options, term, loop);
  const stopPardoning = bus.onConnectionChange(
    (connected) => connected && term.liveness.pardonAll(clock.monotonicNow()),
  );
  term.publish(term.readyMachines(), projection.seq);
  try {
    await loop.run(signal);
  } finally {
    for (const service of services) service.unsubscribe();
    stopWatching();
    stopPardoning();
  }
}

function take(loop: CommitLoop, data: Uint8Array, respond: (data: Uint8Array) => void): void {
  const command = parseCommand(data);
  const answer = (reply: CommandReply) => respond(encodeJson(reply));
  if (!isRejection(command)) return loop.submit(command, answer);
  const { code, message, details } = command;
  answer({ ok: false, code, message, details });
}

/** Looks again and again for machines that have been silent for too long; not while we are the ones cut off. */
function watchMachines(
  { bus, clock, machineTimeoutMs = defaultMachineTimeoutMs }: LeadOptions,
  term: Term,
  loop: CommitLoop,
) {
  let timer = clock.setTimeout(check, livenessCheckMs);
  let checkedAt = clock.monotonicNow();
  function check(): void {
    const now = clock.monotonicNow();
    // A pause of this process (a stopped machine, a swapped-out one) was not the machines' silence.
    if (now - checkedAt > machineTimeoutMs / 2) term.liveness.pardonAll(now);
    checkedAt = now;
    if (bus.connected) loop.declareLost(overdue(term.liveness, term.readyMachines(), now, machineTimeoutMs));
    timer = clock.setTimeout(check, livenessCheckMs);
  }
  return () => clock.clearTimeout(timer);
}

/** What a leader knows that is not on the log, and means nothing to the next one. */
class Term {
  readonly liveness = new Liveness();
  readonly #options: LeadOptions;
  /** Version of each machine's newest assignment. */
  readonly #versions = new Map<string, number>();
  /** Heartbeats in a row with the same digest, which is not the log's. */
  readonly #differing = new Map<string, { digest: string; beats: number }>();

  constructor(options: LeadOptions) {
    this.#options = options;
    for (const machine of this.readyMachines()) this.liveness.heard(machine, options.clock.monotonicNow());
  }

  readyMachines(): string[] {
    const { machines } = this.#options.projection.state;
    return [...machines.values()].filter(({ state }) => state === 'ready').map(({ machine }) => machine);
  }

  /** Publishes the whole assignments of these machines as of `version`. */
  publish(machines: Iterable<string>, version: number): void {
    const { bus, projection, clock } = this.#options;
    for (const machine of machines) {
      if (projection.state.machines.get(machine)?.state !== 'ready') {
        this.liveness.forget(machine);
        continue;
      }
      if (!this.#versions.has(machine)) this.liveness.heard(machine, clock.monotonicNow());
      this.#versions.set(machine, version);
      bus.publish(subjects.assignment(machine), encodeJson(assignmentOf(projection.state, machine, version)));
    }
  }

  heard(machine: string, heartbeat: Heartbeat): HeartbeatReply {
    const { projection, clock } = this.#options;
    const known = projection.state.machines.get(machine);
    if (known?.state !== 'ready') return { ok: false, code: 'join' };
    if (known.session !== heartbeat.session) return { ok: false, code: 'replaced' };
    this.liveness.heard(machine, clock.monotonicNow());
    const assignment = this.#versions.get(machine) ?? 0;
    // It has not taken up the newest one: perhaps nothing reached it, nor the stream. It is the same if sent again.
    if (heartbeat.assignment < assignment) this.publish([machine], assignment);
    return { ok: true, assignment, resync: this.#isOutOfSync(machine, heartbeat.digest) };
  }

  #isOutOfSync(machine: string, digest: string): boolean {
    const reports = this.#options.projection.state.reports.get(machine)?.values() ?? [];
    if (digestReports(reports) === digest) {
      this.#differing.delete(machine);
      return false;
    }
    const before = this.#differing.get(machine);
    const beats = before?.digest === digest ? before.beats + 1 : 1;
    this.#differing.set(machine, { digest, beats: beats % resyncAfterBeats });
    return beats >= resyncAfterBeats;
  }
}
