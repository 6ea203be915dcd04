import { evolveCommit } from '../../shared/domain/cluster.ts';
import { type ClusterState, draft } from '../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import type { Projection } from '../../shared/log/projection.ts';
import type { Command, CommandReply } from '../../shared/protocol/commands.ts';
import type { Caused, CommandRef } from '../../shared/protocol/commit.ts';
import type { EndedCopy } from './copyWatch.ts';
import { handleCommand } from './handleCommand.ts';
import type { EndedLease } from './leaseWatch.ts';
import { touchedBy } from './policy/assignment.ts';
import { type Left, noteLeft } from './policy/awaiting.ts';
import type { Silence } from './policy/liveness.ts';
import type { SlicedSearch } from './policy/rebalancing.ts';
import { reconcile } from './policy/reconcile.ts';
import { Room } from './policy/room.ts';
import { trigger } from './triggering.ts';

export interface Queued {
  command: Command;
  respond: (reply: CommandReply) => void;
}

export interface RoundLimits {
  /** Bytes that one command's events may have; commands are taken until a quarter of it is reached. */
  maxBytes: number;
  maxTasks: number;
  /** What a rebalance looks for, from round to round. */
  search: SlicedSearch;
  /** By id: commands that changed nothing, and after which sequence. They are on no log, and may come again all the same. */
  unchanging: ReadonlyMap<string, number>;
}

/** What is the cause of tasks that no single command or loss has led to. */
const generalCause = 'reconcile';

/** One round of decisions on a draft of the state: what is to be committed together, and who is to be answered then. */
export class Round {
  readonly events: Caused<ClusterEvent>[] = [];
  /** To be given once the events are on the log. A `seq` of 0 stands for their sequence. */
  readonly replies: { respond: Queued['respond']; reply: CommandReply }[] = [];
  readonly commands: CommandRef[] = [];
  /** Ids of commands that change nothing. */
  readonly unchanging: string[] = [];
  /** The machines whose assignment has changed. */
  readonly touched = new Set<string>();
  readonly #draft: ClusterState;
  /** The sequence may turn out higher: nodes write on the same stream. */
  readonly #moment: { seq: number; at: number };
  readonly #limits: RoundLimits;
  /** Commands and losses of this round, and what they did to which unit. */
  readonly #causes = new Set<string>();
  readonly #causeOfUnit = new Map<string, string>();
  readonly #room = new Room();
  readonly #left: Left = new Map();
  #cause: string | null = null;
  #bytes = 0;

  constructor(projection: Projection, now: number, limits: RoundLimits) {
    this.#draft = draft(projection.state);
    this.#moment = { seq: projection.seq + 1, at: now };
    this.#limits = limits;
  }

  get hasRoom(): boolean {
    return this.#bytes < this.#limits.maxBytes / 4;
  }

  get isEmpty(): boolean {
    return this.events.length === 0 && this.replies.length === 0;
  }

  /** The commit's cause: that of its first event. */
  get cause(): string {
    return this.#cause ?? generalCause;
  }

  /** After this round it is worth looking again at the units that found no machine. */
  get makesRoom(): boolean {
    return this.events.length >= this.#limits.maxTasks || this.#room.isMade;
  }

  lose(silence: Silence): void {
    const { machine } = silence;
    if (this.#draft.machines.get(machine)?.state !== 'ready') return;
    const reason = reasonOf(silence);
    const cause = `heartbeat-lost ${machine}`;
    for (const unit of this.#draft.assigned.get(machine)) this.#causeOfUnit.set(unit, cause);
    this.#add({ type: 'MachineLost', machine, reason }, cause);
  }

  endLease({ unit, machine, reason }: EndedLease): void {
    if (this.#draft.leases.get(unit)?.machine !== machine) return;
    this.#add({ type: 'UnitLeaseEnded', unit, machine, reason }, `lease-ended ${machine}`);
  }

  endAwait({ unit, machine, reason }: EndedCopy): void {
    if (this.#draft.awaiting.get(unit)?.machine !== machine) return;
    this.#add({ type: 'UnitAwaitEnded', unit, machine, reason }, `copy-ended ${machine}`);
  }

  take({ command, respond }: Queued): void {
    const answered = this.#draft.answered.get(command.id) ?? this.#limits.unchanging.get(command.id);
    if (answered !== undefined) return this.#repeat(answered, respond);
    const decision = handleCommand(this.#draft, command);
    if (isRejection(decision)) return void this.replies.push({ respond, reply: refusalOf(decision) });
    const bytes = sizeOf(decision.events);
    if (bytes > this.#limits.maxBytes) {
      return void this.replies.push({ respond, reply: tooLarge(bytes, this.#limits.maxBytes) });
    }
    this.#bytes += bytes;
    for (const event of decision.events) this.#add(event, command.id);
    if (decision.events.length > 0) this.#remember(command);
    else this.unchanging.push(command.id);
    const warnings = decision.warnings.length > 0 ? { warnings: decision.warnings } : {};
    this.replies.push({ respond, reply: { ok: true, seq: 0, ...warnings } });
  }

  /** Starts what units that have failed, or ended, name for that case. */
  trigger(): void {
    trigger(this.#draft, (event, cause) => this.#add(event, cause));
  }

  /** Places what the commands and losses of this round, or of earlier ones, left open. */
  place(roomMade: boolean): void {
    const includeWaiting = roomMade || this.#room.isMade;
    const { maxTasks, search } = this.#limits;
    const options = { includeWaiting, maxTasks, search, moment: this.#moment, room: this.#room, left: this.#left };
    const [only = generalCause, ...others] = this.#causes;
    const otherwise = others.length === 0 ? only : generalCause;
    for (const task of reconcile(this.#draft, options)) {
      this.#record(task, ('unit' in task ? this.#causeOfUnit.get(task.unit) : undefined) ?? otherwise);
    }
  }

  /** A retry. What it did is durable, whoever leads now; or it is part of this very round. */
  #repeat(seq: number, respond: Queued['respond']): void {
    if (seq === this.#moment.seq) this.replies.push({ respond, reply: { ok: true, seq: 0 } });
    else respond({ ok: true, seq });
  }

  #remember({ id, type, by }: Command): void {
    this.commands.push({ id, type, by });
    evolveCommit(this.#draft, { at: this.#moment.at, commands: [{ id }], events: [] }, this.#moment.seq);
  }

  #add(event: ClusterEvent, cause: string): void {
    this.#causes.add(cause);
    for (const machine of touchedBy(this.#draft, event)) this.touched.add(machine);
    noteLeft(this.#left, this.#draft, event, this.#moment.seq);
    this.#room.evolve(this.#draft, event, this.#moment);
    if ('unit' in event) this.#causeOfUnit.set(event.unit, cause);
    this.#record(event, cause);
  }

  #record(event: ClusterEvent, cause: string): void {
    this.#cause ??= cause;
    for (const machine of touchedBy(this.#draft, event)) this.touched.add(machine);
    this.events.push(cause === this.#cause ? event : { ...event, cause });
  }
}

function refusalOf({ code, message, details }: Extract<ReturnType<typeof handleCommand>, { rejected: true }>) {
  return { ok: false, code, message, details } as const;
}

function reasonOf({ silentMs, allowedMs, startingMs }: Silence): string {
  if (startingMs !== null) return `its agent began to start ${seconds(startingMs)} ago and has not joined`;
  const allowed = allowedMs > 0 ? ` (allowed ${seconds(allowedMs)} more than usual)` : '';
  return `no heartbeat for ${seconds(silentMs)}${allowed}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

const roughBytesPerEvent = 300;

function sizeOf(events: ClusterEvent[]): number {
  return events.reduce((sum, event) => sum + roughBytesPerEvent + textBytes(event), 0);
}

function textBytes(event: ClusterEvent): number {
  if (event.type === 'RolloutStarted') return Buffer.byteLength(JSON.stringify(event.units));
  return event.type === 'UnitSubmitted' ? Buffer.byteLength(JSON.stringify(event.text)) : 0;
}

function tooLarge(bytes: number, maxBytes: number): CommandReply {
  return {
    ok: false,
    code: 'too-large',
    message: `the command would make a commit of about ${bytes} bytes, the log takes ${maxBytes}; send fewer units at once`,
    details: [],
  };
}
