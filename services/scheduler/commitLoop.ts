import { type Clock, delay } from '../../shared/clock/clock.ts';
import { AppendRefusedError } from '../../shared/log/eventLog.ts';
import type { Projection } from '../../shared/log/projection.ts';
import type { SubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { Command, CommandReply } from '../../shared/protocol/commands.ts';
import { type Queued, Round, type Silence } from './round.ts';

export interface CommitLoopOptions {
  projection: Projection;
  writer: SubjectWriter;
  clock: Clock;
  /** Proves that this scheduler still leads; rejects when it does not. */
  proveLeadership: () => Promise<unknown>;
  /** The machines that are to be declared lost, as of now: their units are placed elsewhere in the same commit. */
  silences: () => Silence[];
  /** Called after each commit is in the state, with the machines whose assignment it changed. */
  onCommitted: (machines: Set<string>, seq: number) => void;
  /** Bytes that one command's events may have: half of what the log takes leaves room for the rest of a commit. */
  maxBytes: number;
}

const maxTasksPerCommit = 2_000;
const roughBytesPerTask = 1_000;
/** A log that refuses is not asked again before, unless somebody gives a command. */
const refusedRetryMs = 500;

/**
 * The leader's one loop of decisions: it gathers what has come in while the last append was under way (group commit),
 * decides on a draft of the state, appends, waits until the log has given the commit back, and only then answers.
 * Commands that lead to nothing are answered after proof that this scheduler still leads.
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  readonly #limits: { readonly maxBytes: number; maxTasks: number };
  readonly #mostTasks: number;
  #queue: Queued[] = [];
  #isNudged = false;
  #roomMade = true;
  #wake: () => void = () => {};

  constructor(options: CommitLoopOptions) {
    const { maxBytes } = options;
    this.#options = options;
    this.#mostTasks = Math.min(maxTasksPerCommit, Math.ceil(maxBytes / roughBytesPerTask));
    this.#limits = { maxBytes, maxTasks: this.#mostTasks };
  }

  submit(command: Command, respond: (reply: CommandReply) => void): void {
    this.#queue.push({ command, respond });
    this.#wake();
  }

  /** There are new `silences`. */
  nudge(): void {
    this.#isNudged = true;
    this.#wake();
  }

  /** Runs until `signal` aborts or the log says that somebody else leads (then it rejects with FencedError). */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    try {
      while (!signal.aborted) {
        const outcome = await this.#round(signal);
        if (outcome === 'nothing') await this.#idle(signal);
        if (outcome === 'refused') await this.#pause(signal);
      }
    } finally {
      for (const { respond } of this.#queue.splice(0)) respond(notLeading);
    }
  }

  #idle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (signal.aborted || this.#queue.length > 0 || this.#isNudged) resolve();
    });
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const late = delay(this.#options.clock, refusedRetryMs, over.signal);
    await Promise.race([this.#idle(signal), late]);
    over.abort();
  }

  async #round(signal: AbortSignal): Promise<'committed' | 'refused' | 'nothing'> {
    const { projection, clock, silences } = this.#options;
    const round = new Round(projection, clock.now(), this.#limits);
    this.#isNudged = false;
    for (const silence of silences()) round.lose(silence);
    for (let next = this.#queue.shift(); next !== undefined; next = round.hasRoom ? this.#queue.shift() : undefined) {
      round.take(next);
    }
    round.place(this.#roomMade);
    if (!round.isEmpty) return this.#finish(round, signal);
    this.#roomMade = false;
    return 'nothing';
  }

  async #finish(round: Round, signal: AbortSignal): Promise<'committed' | 'refused'> {
    try {
      const seq = await this.#commit(round, signal);
      for (const { respond, reply } of round.replies) respond(reply.ok ? { ...reply, seq: reply.seq || seq } : reply);
      return 'committed';
    } catch (error) {
      const reply = error instanceof AppendRefusedError ? logRefused(error) : notLeading;
      // Perhaps it was too large: what is to be placed goes in smaller parts until one is taken.
      this.#limits.maxTasks = Math.max(1, Math.floor(this.#limits.maxTasks / 2));
      for (const { respond } of round.replies) respond(reply);
      if (!(error instanceof AppendRefusedError)) throw error;
      return 'refused';
    }
  }

  async #commit(round: Round, signal: AbortSignal): Promise<number> {
    const { projection, writer, proveLeadership, onCommitted } = this.#options;
    if (round.events.length === 0) {
      await proveLeadership();
      this.#roomMade = false;
      return projection.seq;
    }
    const commands = round.commands.length > 0 ? { commands: round.commands } : {};
    const { seq } = await writer.append({ cause: round.cause, events: round.events, ...commands });
    this.#roomMade = round.makesRoom;
    this.#limits.maxTasks = this.#mostTasks;
    await projection.reached(seq, signal);
    // At the end of a term nobody may be folding the log any more; the commit is durable all the same.
    if (projection.seq >= seq) onCommitted(round.touched, seq);
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
