import type { Clock } from '../../shared/clock/clock.ts';
import { shareNext } from '../../shared/clock/shareNext.ts';
import type { KvCommand, KvEvent, KvResult } from '../../shared/domain/kv.ts';
import { FencedError } from '../../shared/log/appendOnce.ts';
import { AppendRefusedError } from '../../shared/log/eventLog.ts';
import type { SubjectWriter } from '../../shared/log/subjectWriter.ts';
import type { Caused, CommandRef } from '../../shared/protocol/commit.ts';
import type { KvBatch, KvBatchReply } from '../../shared/protocol/kv.ts';
import { packCommands } from '../../shared/protocol/kvPacking.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import type { KvProjection } from './projection.ts';

export interface KvCommitLoopOptions {
  projection: KvProjection;
  writer: SubjectWriter<KvEvent>;
  /** Proves on the fence that this store still leads; rejects when it does not. */
  proveOnFence: () => Promise<void>;
  /** What the log takes in one message, bytes. */
  maxBytes: number;
  clock: Clock;
}

interface Pending {
  request: KvBatch;
  bytes: number;
  reply: Promise<KvBatchReply>;
  resolve: (reply: KvBatchReply) => void;
}

interface Prover {
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** So much is executed between two looks at the event loop: about ten milliseconds. */
const mostCommandsPerCommit = 2_000;

/**
 * A store that serves several clients looks so often at what has arrived before it commits. On a busy store that makes
 * fewer and larger commits; on an idle one it takes next to no time.
 */
const looksBeforeCommit = 4;

/**
 * The leading store's one loop: while an append is under way it gathers the requests that come (group commit), puts them
 * on the log in one commit, executes them as soon as that is durable, and answers.
 */
export class KvCommitLoop {
  readonly #options: KvCommitLoopOptions;
  readonly #proveOnFence: () => Promise<void>;
  /** The requests whose outcome is open: one that comes again waits for the same. */
  readonly #waiting = new Map<string, Pending>();
  #queue: Pending[] = [];
  #provers: Prover[] = [];
  /** The commit whose outcome is open. */
  #underWay: Promise<void> | null = null;
  #wake: () => void = () => {};
  #over = false;
  #mostBytes: number;
  /** Requests of the last commit. */
  #lastCount = 0;

  constructor(options: KvCommitLoopOptions) {
    this.#options = options;
    this.#proveOnFence = shareNext(options.proveOnFence);
    this.#mostBytes = options.maxBytes / 2;
  }

  /** Resolves once it is durable and executed; never rejects. */
  submit(request: KvBatch): Promise<KvBatchReply> {
    const { id } = request;
    if (this.#over) return Promise.resolve(leaderChanged);
    const known = this.#options.projection.answer(id);
    if (known !== undefined) return Promise.resolve(knownAnswer(known, this.#options.projection.seq));
    const { reply } = this.#waiting.get(id) ?? this.#enqueue(request);
    return reply;
  }

  #enqueue(request: KvBatch): Pending {
    let resolve: Pending['resolve'] = () => {};
    const reply = new Promise<KvBatchReply>((settle) => {
      resolve = settle;
    });
    const pending = { request, bytes: roughBytes(request), reply, resolve };
    this.#queue.push(pending);
    this.#waiting.set(request.id, pending);
    this.#wake();
    return pending;
  }

  #answer({ request, resolve }: Pending, reply: KvBatchReply): void {
    this.#waiting.delete(request.id);
    resolve(reply);
  }

  /**
   * Proves that this store leads: by the next commit where there is something to commit, else on the fence. What begins
   * after the call, and succeeds, proves it. A commit that is under way is waited for, too: it may be on the log already,
   * and other replicas may have shown it to somebody, before this one hears of it.
   * @throws {FencedError} it does not lead (any more).
   */
  prove(): Promise<void> {
    if (this.#over) return Promise.reject(new FencedError('the term is over'));
    if (this.#queue.length === 0) return this.#proveBeside(this.#underWay);
    return new Promise((resolve, reject) => this.#provers.push({ resolve, reject }));
  }

  async #proveBeside(underWay: Promise<void> | null): Promise<void> {
    await Promise.all([this.#proveOnFence(), underWay]);
  }

  /** Runs until `signal` aborts or the log says that somebody else leads (then it rejects with FencedError). */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    try {
      while (!signal.aborted) {
        if (this.#queue.length === 0) await this.#idle(signal);
        else {
          await this.#gather();
          if (!signal.aborted) await this.#commitAlone();
        }
      }
    } finally {
      this.#dismiss();
    }
  }

  /** Not for one client by itself, which would only wait. */
  async #gather(): Promise<void> {
    if (Math.max(this.#lastCount, this.#queue.length) < 2) return;
    for (let look = 0; look < looksBeforeCommit; look++) await this.#options.clock.nextTurn();
  }

  async #commitAlone(): Promise<void> {
    this.#underWay = this.#commitNext();
    await this.#underWay;
    this.#underWay = null;
  }

  #idle(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (signal.aborted || this.#queue.length > 0) resolve();
    });
  }

  async #commitNext(): Promise<void> {
    const batch = this.#takeBatch();
    this.#lastCount = batch.length;
    const provers = this.#provers.splice(0);
    try {
      const replies = await this.#commit(batch);
      for (const [index, pending] of batch.entries()) this.#answer(pending, replies[index] ?? leaderChanged);
      for (const prover of provers) prover.resolve();
      this.#mostBytes = this.#options.maxBytes / 2;
    } catch (error) {
      if (error instanceof AppendRefusedError) {
        this.#provers.unshift(...provers);
        return this.#takeRefusal(batch, error);
      }
      for (const pending of batch) this.#answer(pending, leaderChanged);
      for (const prover of provers) prover.reject(error);
      throw error;
    }
  }

  async #commit(batch: readonly Pending[]): Promise<KvBatchReply[]> {
    const { projection, writer } = this.#options;
    const events = batch.map(({ request }) => executed(request, [...request.commands]));
    const packed = batch.map(({ request }) => executed(request, packCommands(request.commands)));
    const asked = batch.flatMap(({ request }) => refOf(request));
    const commands = asked.length > 0 ? { commands: asked } : {};
    const { seq, commit } = await writer.append({ cause: 'requests', events: packed, ...commands });
    // It may have come back over the log already, through the replica's tail.
    if (projection.seq < seq)
      projection.fold({ ...commit, events }, { seq, subject: subjects.kvLog }, writer.head.hash);
    // Another leader's commit may have followed by now; then who asks again is told what the state remembers.
    return projection.seq > seq ? [] : projection.results.map((results) => ({ ok: true, seq, results }));
  }

  /** It may have been too large together: then it goes in smaller parts, until one request is refused by itself. */
  #takeRefusal(batch: Pending[], refusal: AppendRefusedError): void {
    const [only, ...others] = batch;
    if (only === undefined || others.length > 0) {
      this.#queue.unshift(...batch);
      this.#mostBytes = Math.floor(batch.reduce((sum, { bytes }) => sum + bytes, 0) / 2);
      return;
    }
    this.#answer(only, { ok: false, error: { code: 'log-refused', message: whyRefused(refusal) } });
    if (this.#queue.length === 0) this.#rejectProvers(refusal);
  }

  #takeBatch(): Pending[] {
    let [bytes, commands, count] = [0, 0, 0];
    for (const pending of this.#queue) {
      bytes += pending.bytes;
      commands += pending.request.commands.length;
      if (count > 0 && (bytes > this.#mostBytes || commands > mostCommandsPerCommit)) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  #rejectProvers(error: unknown): void {
    for (const prover of this.#provers.splice(0)) prover.reject(error);
  }

  /** Who comes later, before everybody knows that the term is over, is dismissed at once. */
  #dismiss(): void {
    this.#over = true;
    for (const pending of this.#queue.splice(0)) this.#answer(pending, leaderChanged);
    this.#rejectProvers(new FencedError('the term is over'));
  }
}

const leaderChanged: KvBatchReply = { ok: false, error: { code: 'leader-changed' } };

function knownAnswer(answer: KvResult[] | null, seq: number): KvBatchReply {
  if (answer) return { ok: true, seq, results: answer };
  const message = 'it was executed, but its answer was too large to be kept for a second request';
  return { ok: false, error: { code: 'leader-changed', message } };
}

function whyRefused(refusal: AppendRefusedError): string {
  return `nothing was changed: the log did not take it (${refusal.message}); look at the NATS server's disk and limits`;
}

function executed({ id }: KvBatch, commands: KvCommand[]): Caused<KvEvent> {
  return { type: 'KvExecuted', commands, cause: id };
}

/** Who asked, where they said so. */
function refOf({ id, by, commands: [first] }: KvBatch): CommandRef[] {
  return by === undefined || first === undefined ? [] : [{ id, type: first.type, by }];
}

const roughBytesOfRest = 150;

/** As JSON, at most. */
function roughBytes({ commands }: KvBatch): number {
  return commands.reduce((sum, command) => sum + roughBytesOfCommand(command), roughBytesOfRest);
}

function roughBytesOfCommand(command: KvCommand): number {
  if (command.type === 'Put') return roughBytesOfRest + 2 * (command.key.length + command.value.length);
  return command.type === 'Txn' ? 2 * JSON.stringify(command).length : roughBytesOfRest;
}
