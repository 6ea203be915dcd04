import { type Clock, delay } from '../../shared/clock/clock.ts';
import { rememberedCommands } from '../../shared/domain/clusterState.ts';
import { AppendRefusedError } from '../../shared/log/eventLog.ts';
import type { Projection } from '../../shared/log/projection.ts';
import type { SubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { Command, CommandReply } from '../../shared/protocol/commands.ts';
import type { EndedCopy } from './copyWatch.ts';
import type { EndedLease } from './leaseWatch.ts';
import type { Silence } from './policy/liveness.ts';
import { comparisonsAtOnce, SlicedSearch, searchPauseMs } from './policy/rebalancing.ts';
import { type Queued, Round, type RoundLimits } from './round.ts';

export interface CommitLoopOptions {
  projection: Projection;
  writer: SubjectWriter;
  clock: Clock;
  /** Proves that this scheduler still leads; rejects when it does not. */
  proveLeadership: () => Promise<unknown>;
  /** The machines that are to be declared lost, as of now: their units are placed elsewhere in the same commit. */
  silences: () => Silence[];
  /** Called when the log took its time, before machines are declared lost: they were not heard because it was away. */
  onSlowLog: () => void;
  /** The leases that are over, as of now. Default: none. */
  endedLeases?: () => EndedLease[];
  /** The copies that moved units need not wait for any longer, as of now. Default: none. */
  endedCopies?: () => EndedCopy[];
  /** Called after each commit is in the state, with the machines whose assignment it changed. */
  onCommitted: (machines: Set<string>, seq: number) => void;
  /** Bytes that one command's events may have: half of what the log takes leaves room for the rest of a commit. */
  maxBytes: number;
  /** Comparisons that a rebalance makes in one go. Default: some 10 ms of them. */
  comparisonsAtOnce?: number;
}

const maxTasksPerCommit = 2_000;
const roughBytesPerTask = 1_000;
/** A log that refuses is not asked again before, unless somebody gives a command. */
const refusedRetryMs = 500;
/** A log that is at hand takes an append in a few ms, and one that is busy, within this. */
const promptMs = { fence: 200, log: 500, commit: 1_000 };

/**
 * The leader's one loop of decisions: it gathers what has come in while the last append was under way (group commit),
 * decides on a draft of the state, appends, waits until the log has given the commit back, and only then answers.
 * Commands that lead to nothing are answered after proof that this scheduler still leads.
 */
export class CommitLoop {
  readonly #options: CommitLoopOptions;
  readonly #unchanging = new Map<string, number>();
  readonly #search: SlicedSearch;
  readonly #limits: RoundLimits;
  readonly #mostTasks: number;
  #queue: Queued[] = [];
  #isNudged = false;
  #roomMade = true;
  /** The log was slow the last time, and everybody got a fresh timeout for it. */
  #isLogBlamed = false;
  #wake: () => void = () => {};

  constructor(options: CommitLoopOptions) {
    const { maxBytes } = options;
    this.#options = options;
    this.#search = new SlicedSearch(options.comparisonsAtOnce ?? comparisonsAtOnce);
    this.#mostTasks = Math.min(maxTasksPerCommit, Math.ceil(maxBytes / roughBytesPerTask));
    this.#limits = { maxBytes, maxTasks: this.#mostTasks, search: this.#search, unchanging: this.#unchanging };
  }

  submit(command: Command, respond: (reply: CommandReply) => void): void {
    this.#queue.push({ command, respond });
    this.#wake();
  }

  /** There are new `silences`, or leases that are over, or a drain can go on. */
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
        if (outcome === 'nothing') await this.#rest(signal);
        if (outcome === 'refused') await this.#pause(signal);
      }
    } finally {
      for (const { respond } of this.#queue.splice(0)) respond(notLeading);
    }
  }

  /** Until there is something to do. */
  #rest(signal: AbortSignal): Promise<void> {
    return this.#search.isUnderWay ? delay(this.#options.clock, searchPauseMs, signal) : this.#idle(signal);
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
    const { projection, clock, endedLeases = () => [], endedCopies = () => [] } = this.#options;
    this.#isNudged = false;
    const silent = await this.#trustedSilences(signal);
    if (silent === null) return 'refused';
    const round = new Round(projection, clock.now(), this.#limits);
    for (const silence of silent) round.lose(silence);
    for (const lease of endedLeases()) round.endLease(lease);
    for (const copy of endedCopies()) round.endAwait(copy);
    for (let next = this.#queue.shift(); next !== undefined; next = round.hasRoom ? this.#queue.shift() : undefined) {
      round.take(next);
    }
    round.trigger();
    round.place(this.#roomMade);
    if (!round.isEmpty) return this.#finish(round, signal);
    this.#roomMade = false;
    return 'nothing';
  }

  /**
   * The silences, if the log takes appends now. A leader that is on the wrong side of a partition hears no machine of the
   * other one; what it decided there would wait, and come true when all is well again. Null: the log refuses.
   */
  async #trustedSilences(signal: AbortSignal): Promise<Silence[] | null> {
    const { silences } = this.#options;
    try {
      if (silences().length === 0) return [];
      if (!(await this.#isLogPrompt(signal))) this.#blameLog();
      // Whoever was heard meanwhile is not silent any more.
      return silences();
    } catch (error) {
      if (!(error instanceof AppendRefusedError)) throw error;
      for (const { command, respond } of this.#queue.splice(0)) respond(this.#answered(command) ?? logRefused(error));
      return null;
    }
  }

  /** The answer to a retry of what is done. */
  #answered({ id }: Command): CommandReply | null {
    const seq = this.#options.projection.state.answered.get(id) ?? this.#unchanging.get(id);
    return seq === undefined ? null : { ok: true, seq };
  }

  /** Once: a log that is slow all the time must not keep dead machines alive. */
  #blameLog(): void {
    if (this.#isLogBlamed) return;
    this.#isLogBlamed = true;
    this.#options.onSlowLog();
  }

  /** Asks the fence; its stream may be without a leader where the log is not: then a commit of nothing asks the log. */
  async #isLogPrompt(signal: AbortSignal): Promise<boolean> {
    const { writer, projection, proveLeadership, onCommitted, clock } = this.#options;
    const over = new AbortController();
    const proof = proveLeadership().then(() => true);
    const late = delay(clock, promptMs.fence, over.signal).then(() => false);
    try {
      if (await Promise.race([proof, late])) return true;
    } finally {
      over.abort();
    }
    // Whatever becomes of it, the log has the last word.
    proof.catch(() => undefined);
    const askedAt = clock.monotonicNow();
    const { seq } = await writer.append({ cause: 'machines are silent: is the log at hand?', events: [] });
    const tookMs = clock.monotonicNow() - askedAt;
    await projection.reached(seq, signal);
    onCommitted(new Set(), seq);
    return tookMs <= promptMs.log;
  }

  async #finish(round: Round, signal: AbortSignal): Promise<'committed' | 'refused'> {
    try {
      const seq = await this.#commit(round, signal);
      this.#remember(round.unchanging, seq);
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

  /** As long as this leader leads: whatever was acknowledged is not done later, when another copy of it comes. */
  #remember(unchanging: readonly string[], seq: number): void {
    for (const id of unchanging) this.#unchanging.set(id, seq);
    for (const oldest of this.#unchanging.keys()) {
      if (this.#unchanging.size <= rememberedCommands) return;
      this.#unchanging.delete(oldest);
    }
  }

  async #commit(round: Round, signal: AbortSignal): Promise<number> {
    const { projection, writer, proveLeadership, onCommitted, clock } = this.#options;
    if (round.events.length === 0) {
      await proveLeadership();
      this.#roomMade = false;
      return projection.seq;
    }
    const commands = round.commands.length > 0 ? { commands: round.commands } : {};
    const askedAt = clock.monotonicNow();
    const { seq } = await writer.append({ cause: round.cause, events: round.events, ...commands });
    if (clock.monotonicNow() - askedAt > promptMs.commit) this.#blameLog();
    else this.#isLogBlamed = false;
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
