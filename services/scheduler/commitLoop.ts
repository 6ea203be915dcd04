import { evolve, evolveCommit } from '../../shared/domain/cluster.ts';
import { type ClusterState, draft } from '../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import { AppendRefusedError } from '../../shared/log/eventLog.ts';
import type { Projection } from '../../shared/log/projection.ts';
import type { SubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { Command, CommandReply } from '../../shared/protocol/commands.ts';
import type { Caused, CommandRef } from '../../shared/protocol/commit.ts';
import { handleCommand } from './handleCommand.ts';
import { touchedBy } from './policy/assignment.ts';
import { makesRoom, reconcile } from './policy/reconcile.ts';

export interface CommitLoopOptions {
  projection: Projection;
  writer: SubjectWriter;
  /** Proves that this scheduler still leads; rejects when it does not. */
  proveLeadership: () => Promise<unknown>;
  /** Called after each commit is in the state, with the machines whose assignment it changed. */
  onCommitted: (machines: Set<string>, seq: number) => void;
  /** Bytes that one commit may have. */
  maxBytes: number;
  now: () => number;
}

interface Queued {
  command: Command;
  respond: (reply: CommandReply) => void;
}

/** A machine that was not heard for too long. */
export interface Silence {
  machine: string;
  silentMs: number;
}

const maxTasksPerCommit = 2_000;

/**
 * The leader's one loop of decisions: it gathers what has come in while the last append was under way (group commit),
 * decides on a draft of the state, appends, waits until the log has given the commit back, and only then answers.
 * Commands that lead to nothing are answered after proof that this scheduler still leads.
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  #queue: Queued[] = [];
  #silences: Silence[] = [];
  #roomMade = true;
  #wake: () => void = () => {};

  constructor(options: CommitLoopOptions) {
    this.#options = options;
  }

  submit(command: Command, respond: (reply: CommandReply) => void): void {
    this.#queue.push({ command, respond });
    this.#wake();
  }

  /** These machines are lost: their units are placed elsewhere in the same commit. */
  declareLost(silences: Silence[]): void {
    this.#silences = silences;
    if (silences.length > 0) this.#wake();
  }

  /** Runs until `signal` aborts or the log says that somebody else leads (then it rejects with FencedError). */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    try {
      while (!signal.aborted) {
        if (!(await this.#round())) await this.#idle(signal);
      }
    } finally {
      for (const { respond } of this.#queue.splice(0)) respond(notLeading);
    }
  }

  #idle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (signal.aborted || this.#queue.length > 0 || this.#silences.length > 0) resolve();
    });
  }

  /** One decision; false when there was nothing to decide. */
  async #round(): Promise<boolean> {
    const round = new Round(this.#options.projection, this.#options.now(), this.#options.maxBytes);
    for (const silence of this.#silences.splice(0)) round.lose(silence);
    while (this.#queue.length > 0 && round.hasRoom) round.take(this.#queue.shift() as Queued);
    round.place(this.#roomMade);
    this.#roomMade = false;
    if (round.isEmpty) return false;
    await this.#finish(round);
    return true;
  }

  async #finish(round: Round): Promise<void> {
    try {
      const seq = await this.#commit(round);
      for (const { respond, reply } of round.replies) respond(reply.ok ? { ...reply, seq: reply.seq || seq } : reply);
    } catch (error) {
      const reply = error instanceof AppendRefusedError ? logRefused(error) : notLeading;
      for (const { respond } of round.replies) respond(reply);
      if (!(error instanceof AppendRefusedError)) throw error;
    }
  }

  async #commit(round: Round): Promise<number> {
    const { projection, writer } = this.#options;
    if (round.events.length === 0) {
      await this.#options.proveLeadership();
      return projection.seq;
    }
    const commands = round.commands.length > 0 ? { commands: round.commands } : {};
    const { seq } = await writer.append({ cause: round.cause, events: round.events, ...commands });
    await projection.reached(seq);
    this.#roomMade = round.events.some(makesRoom);
    this.#options.onCommitted(round.touched, seq);
    return seq;
  }
}

const notLeading: CommandReply = {
  ok: false,
  code: 'not-leading',
  message: 'this scheduler no longer leads; ask again',
  details: [],
};

function logRefused(error: Error): CommandReply {
  return {
    ok: false,
    code: 'log-refused',
    message: `nothing was changed: the log did not take it (${error.message}); look at the NATS server's disk and limits`,
    details: [],
  };
}

/** One round of decisions, on a draft. */
class Round {
  readonly events: Caused<ClusterEvent>[] = [];
  readonly replies: { respond: Queued['respond']; reply: CommandReply }[] = [];
  readonly commands: CommandRef[] = [];
  readonly touched = new Set<string>();
  readonly #draft: ClusterState;
  readonly #moment: { seq: number; at: number };
  readonly #maxBytes: number;
  readonly #causes = new Map<string, string>();
  #bytes = 0;

  constructor(projection: Projection, now: number, maxBytes: number) {
    this.#draft = draft(projection.state);
    this.#moment = { seq: projection.seq + 1, at: now };
    this.#maxBytes = maxBytes;
  }

  get hasRoom(): boolean {
    return this.#bytes < this.#maxBytes / 4;
  }

  get isEmpty(): boolean {
    return this.events.length === 0 && this.replies.length === 0;
  }

  /** The commit's cause: that of its first event. */
  get cause(): string {
    return this.commands[0]?.id ?? this.events[0]?.cause ?? 'reconcile';
  }

  lose({ machine, silentMs }: Silence): void {
    if (this.#draft.machines.get(machine)?.state !== 'ready') return;
    const reason = `no heartbeat for ${(silentMs / 1000).toFixed(1)} s`;
    const cause = `heartbeat-lost ${machine}`;
    for (const unit of this.#draft.assigned.get(machine)) this.#causes.set(unit, cause);
    this.#add({ type: 'MachineLost', machine, reason }, cause);
  }

  take({ command, respond }: Queued): void {
    const answered = this.#draft.answered.get(command.id);
    if (answered !== undefined) return void this.replies.push({ respond, reply: { ok: true, seq: answered } });
    const decision = handleCommand(this.#draft, command);
    if (isRejection(decision)) {
      const { code, message, details } = decision;
      return void this.replies.push({ respond, reply: { ok: false, code, message, details } });
    }
    const bytes = sizeOf(decision.events);
    if (bytes > this.#maxBytes) {
      return void this.replies.push({ respond, reply: tooLarge(bytes, this.#maxBytes) });
    }
    this.#bytes += bytes;
    for (const event of decision.events) this.#add(event, command.id);
    if (decision.events.length > 0) this.#answered(command);
    const warnings = decision.warnings.length > 0 ? { warnings: decision.warnings } : {};
    this.replies.push({ respond, reply: { ok: true, seq: 0, ...warnings } });
  }

  /** Places what the commands and losses of this round, or of earlier ones, left open. */
  place(roomMade: boolean): void {
    const includeWaiting = roomMade || this.events.some(makesRoom);
    const options = { includeWaiting, maxTasks: maxTasksPerCommit, moment: this.#moment };
    for (const task of reconcile(this.#draft, options)) this.#record(task, this.#causes.get(task.unit));
  }

  #answered({ id, type, by }: Command): void {
    this.commands.push({ id, type, by });
    evolveCommit(this.#draft, { at: this.#moment.at, commands: [{ id }], events: [] }, this.#moment.seq);
  }

  #add(event: ClusterEvent, cause: string | undefined): void {
    for (const machine of touchedBy(this.#draft, event)) this.touched.add(machine);
    evolve(this.#draft, event, this.#moment);
    this.#record(event, cause);
  }

  #record(event: ClusterEvent, cause: string | undefined): void {
    for (const machine of touchedBy(this.#draft, event)) this.touched.add(machine);
    if (cause !== undefined && 'unit' in event) this.#causes.set(event.unit, cause);
    this.events.push(cause === undefined ? event : { ...event, cause });
  }
}

function sizeOf(events: ClusterEvent[]): number {
  return events.reduce((sum, event) => sum + 200 + (event.type === 'UnitSubmitted' ? 2 * event.text.length : 0), 0);
}

function tooLarge(bytes: number, maxBytes: number): CommandReply {
  return {
    ok: false,
    code: 'too-large',
    message: `the command would make a commit of about ${bytes} bytes, the log takes ${maxBytes}; send fewer units at once`,
    details: [],
  };
}
