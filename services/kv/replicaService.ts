import { type Attempt, askPatiently, NoLeaderError } from '../../shared/bus/askPatiently.ts';
import { type Bus, BusClosedError } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { Deadlines } from '../../shared/clock/deadlines.ts';
import { LinkedController } from '../../shared/clock/linkedController.ts';
import { shareNext } from '../../shared/clock/shareNext.ts';
import type { KvCommand, KvError, KvResult, LeaseId } from '../../shared/domain/kv.ts';
import type { Leader } from '../../shared/log/leaderActor.ts';
import { decodeJson, encodeJson } from '../../shared/protocol/json.ts';
import { isDoubtful, isPassing, type KvBatch, type KvBatchReply } from '../../shared/protocol/kv.ts';
import { packCommands } from '../../shared/protocol/kvPacking.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { clusterId, memberIdOf } from './identity.ts';
import type { KvMember, KvService, KvStatus } from './kvService.ts';
import type { KvTerm } from './lead.ts';
import type { Members } from './members.ts';
import type { PeerReply, PeerRequest } from './parsePeer.ts';
import type { KvProjection } from './projection.ts';
import { checkCommand, isReadOnly } from './store/checkCommand.ts';
import type { StoreView } from './store/store.ts';
import { withLease } from './withLease.ts';

export interface ReplicaServiceParts {
  bus: Bus;
  clock: Clock;
  ids: () => string;
  newLease: () => LeaseId;
  projection: KvProjection;
  leader: Leader;
  self: KvMember;
  members: Members;
  /** Aborts when the replica stops. */
  signal: AbortSignal;
}

/** How long a request may take in all: NATS's own elections take up to 9 s. */
const patienceMs = 12_000;
const firstAttemptMs = 1_000;

/** {@link KvService} of a replica: by its own term while it leads, else over NATS. */
export class ReplicaService implements KvService {
  readonly #parts: ReplicaServiceParts;
  readonly #barrier: () => Promise<PeerReply>;
  readonly #clusterId = remembering(clusterId);
  readonly #leaderId = remembering(memberIdOf);
  readonly #idPrefix: string;
  readonly #deadlines: Deadlines;
  #lastId = 0;
  #term: KvTerm | null = null;

  constructor(parts: ReplicaServiceParts) {
    this.#parts = parts;
    this.#idPrefix = parts.ids();
    this.#deadlines = new Deadlines(parts.clock);
    this.#barrier = shareNext(() => this.#askLeader({ type: 'Barrier' }));
  }

  /** Null: this replica does not lead (any more). */
  setTerm(term: KvTerm | null): void {
    this.#term = term;
  }

  /** One prefix of this start of the store, and a number: random ids would cost more than the rest of a request's way. */
  #nextId(): string {
    return `${this.#idPrefix}.${++this.#lastId}`;
  }

  get store(): StoreView {
    return this.#parts.projection.store;
  }

  get status(): KvStatus {
    const { projection, leader, self } = this.#parts;
    const { known } = leader;
    return {
      clusterId: this.#clusterId(projection.cluster),
      member: self,
      leaderId: known ? this.#leaderId(known.leader) : '0',
      term: projection.epoch,
      appliedSeq: projection.seq,
    };
  }

  async execute(given: KvCommand, { id = this.#nextId() }: { id?: string } = {}): Promise<KvResult> {
    const command = withLease(given, this.#parts.newLease);
    const refusal = checkCommand(command);
    if (refusal) return { ok: false, error: refusal };
    if (command.type === 'Txn' && isReadOnly(command)) return this.#read(command);
    const reply = await this.#submit({ id, commands: [command] });
    if (!reply.ok) return reply;
    return reply.results[0] ?? { ok: false, error: { code: 'timeout' } };
  }

  async #read(command: KvCommand & { type: 'Txn' }): Promise<KvResult> {
    const error = await this.readBarrier();
    if (error) return { ok: false, error };
    const response = this.store.read(command, command.user);
    if ('code' in response) return { ok: false, error: response };
    return { ok: true, revision: this.store.revision, response: { type: 'Txn', ...response } };
  }

  async readBarrier(): Promise<KvError | null> {
    const reply = await this.#barrier();
    return reply.ok ? this.#reach(reply.seq) : reply.error;
  }

  async renewLease(lease: LeaseId): Promise<{ ttlS: number } | KvError> {
    return ttlOf(await this.#askLeader({ type: 'RenewLease', lease }));
  }

  async remainingTtl(lease: LeaseId): Promise<{ ttlS: number } | KvError> {
    return ttlOf(await this.#askLeader({ type: 'RemainingTtl', lease }));
  }

  members(): KvMember[] {
    return this.#parts.members.list();
  }

  async moveLeader(member: string): Promise<KvError | null> {
    if (!this.#term) return { code: 'not-leader' };
    const reply = await this.#term.answer({ type: 'MoveLeader', member });
    return reply.ok ? null : reply.error;
  }

  onLeader(listener: (known: boolean) => void): () => void {
    const { bus, leader } = this.#parts;
    let last = this.#isLed();
    const look = () => {
      const now = this.#isLed();
      if (now !== last) listener(now);
      last = now;
    };
    const stops = [leader.onChange(look), bus.onConnectionChange(look)];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #isLed(): boolean {
    const { bus, leader } = this.#parts;
    if (!bus.connected) return false;
    return leader.state === 'leading' || (leader.state === 'following' && leader.known !== null);
  }

  /** Waits until this replica has what the leader had. */
  async #reach(seq: number): Promise<KvError | null> {
    const { projection, clock, signal } = this.#parts;
    if (projection.seq >= seq) return null;
    const over = new LinkedController(signal);
    const timer = clock.setTimeout(() => over.abort(), patienceMs);
    await projection.reached(seq, over.signal);
    clock.clearTimeout(timer);
    over.abort();
    return projection.seq >= seq ? null : { code: 'timeout' };
  }

  async #submit(batch: KvBatch): Promise<KvBatchReply> {
    const travelling = () => ({ ...batch, packed: true, commands: packCommands(batch.commands) });
    const reply = await this.#ask<KvBatchReply>((term) => term.submit(batch), subjects.kvCommands, travelling);
    const error = reply.ok ? await this.#reach(reply.seq) : null;
    return error ? { ok: false, error } : reply;
  }

  #askLeader(request: PeerRequest): Promise<PeerReply> {
    return this.#ask<PeerReply>(
      (term) => term.answer(request),
      subjects.kvLeader,
      () => request,
    );
  }

  /** Asks the own term while this replica leads, else whoever leads: until one has answered. */
  async #ask<R extends PeerReply | KvBatchReply>(
    ask: (term: KvTerm) => Promise<R>,
    subject: string,
    message: () => object,
  ): Promise<R | { ok: false; error: KvError }> {
    const begun = this.#parts.clock.monotonicNow();
    const own = await this.#own(ask, patienceMs);
    if (own && isFinal(own)) return own;
    const timeoutMs = patienceMs - (this.#parts.clock.monotonicNow() - begun);
    const data = encodeJson(message());
    const attempt = async (attemptMs: number) =>
      (await this.#own(ask, attemptMs)) ?? this.#request<R>(subject, data, attemptMs);
    return this.#askUntilAnswered<R | typeof tooLate>(attempt, { timeoutMs, doubtful: own !== undefined });
  }

  /** While it leads. A leader that is cut off waits for the log, but nobody waits for it for ever. */
  async #own<R>(ask: (term: KvTerm) => Promise<R>, timeoutMs: number): Promise<R | typeof tooLate | undefined> {
    return this.#term ? this.#deadlines.limit(ask(this.#term), timeoutMs, tooLate) : undefined;
  }

  async #request<R>(subject: string, data: Uint8Array, timeoutMs: number): Promise<R> {
    return decodeJson<R>((await this.#parts.bus.request(subject, data, { timeoutMs })).data);
  }

  /** Until one who leads has answered. `doubtful`: it may have been done already. */
  async #askUntilAnswered<R extends PeerReply | KvBatchReply>(
    ask: (timeoutMs: number) => Promise<R>,
    { timeoutMs, doubtful }: { timeoutMs: number; doubtful: boolean },
  ): Promise<R | { ok: false; error: KvError }> {
    const { clock, signal } = this.#parts;
    const attempt = async (attemptMs: number): Promise<Attempt<R>> => {
      const reply = await ask(attemptMs);
      if (reply.ok || !isPassing(reply.error)) return { value: reply };
      return { retry: 'the store that was asked no longer leads', doubtful: isDoubtful(reply.error) };
    };
    try {
      return await askPatiently(attempt, { clock, signal, timeoutMs, attemptMs: firstAttemptMs });
    } catch (error) {
      if (error instanceof BusClosedError) return { ok: false, error: { code: 'stopped' } };
      if (!(error instanceof NoLeaderError)) throw error;
      return { ok: false, error: { code: doubtful || error.unanswered ? 'timeout' : 'no-leader' } };
    }
  }
}

/** The last answer is kept: every response names its cluster and its leader. */
function remembering(make: (text: string) => string): (text: string) => string {
  let last: { text: string; made: string } | null = null;
  return (text) => {
    if (last?.text !== text) last = { text, made: make(text) };
    return last.made;
  };
}

const tooLate = { ok: false, error: { code: 'timeout' } } as const;

/** Otherwise it is asked again: a request carries its id, so that what was done already is answered. */
function isFinal(reply: PeerReply | KvBatchReply): boolean {
  return reply === tooLate || reply.ok || !isPassing(reply.error);
}

function ttlOf(reply: PeerReply): { ttlS: number } | KvError {
  return reply.ok ? { ttlS: reply.ttlS ?? 0 } : reply.error;
}
