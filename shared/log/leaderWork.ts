/** What a candidate does in each state of `leaderActor.ts`. */
import { type Bus, BusClosedError, type BusMessage, NoRespondersError, RequestTimeoutError } from '../bus/bus.ts';
import type { Clock } from '../clock/clock.ts';
import type { Role } from '../protocol/subjects.ts';
import type { EventLog } from './eventLog.ts';
import type { Fence, FenceState, Term } from './leaderFence.ts';
import { encodeHeartbeat, type Heartbeat, parseHeartbeat, whoLeads } from './leaderMessage.ts';

export interface LeaderOptions {
  role: Role;
  /** This candidate. */
  id: string;
  bus: Bus;
  /** On the stream of fences. */
  fence: EventLog;
  clock: Clock;
  /** From 0 to 1: spreads the candidates' patience. */
  random: () => number;
  ids: () => string;
  hooks: LeaderHooks;
  heartbeatMs?: number;
  electionTimeoutMs?: number;
}

/** What the role does. `signal` aborts when the term is over, for whatever reason. */
export interface LeaderHooks {
  /** Folds the log to its end. */
  catchUp(epoch: number, signal: AbortSignal): Promise<void>;
  /**
   * Appends this candidate's election to the log by compare-and-append, after more catching up where somebody wrote in
   * between. When the log has an election of a higher epoch, it must throw {@link FencedError}.
   */
  elect(epoch: number, signal: AbortSignal): Promise<void>;
  onLeading(epoch: number, signal: AbortSignal): void;
  /** A term is over, also one that ended while catching up. */
  onFollowing(reason: string): void;
}

export type LeaderEvent =
  | { type: 'HEARTBEAT'; heartbeat: Heartbeat }
  | { type: 'WHO_LEADS'; message: BusMessage }
  /** The leader has not been heard for as long as this candidate is patient. */
  | { type: 'SILENCE' }
  | { type: 'NOBODY_LEADS' }
  | { type: 'FENCED'; reason: string }
  | { type: 'RESIGN' };

/** The options, filled in. */
export interface Candidate extends LeaderOptions {
  campaigns: Fence;
  /** Of the heartbeats. */
  subject: string;
  heartbeatMs: number;
  electionTimeoutMs: number;
  following: Following;
}

export interface KnownLeader {
  leader: string;
  epoch: number;
}

/** The fence names an epoch that this candidate had not heard of: it gives its leader time to be heard. */
export class NewerEpochError extends Error {
  override readonly name = 'NewerEpochError';
  readonly epoch: number;

  constructor(epoch: number) {
    super(`there was an election for epoch ${epoch} meanwhile`);
    this.epoch = epoch;
  }
}

const probeTimeoutMs = 200;
/** Of the election timeout: how much longer the most patient candidate waits. */
const jitter = 0.2;

/** Whom a candidate follows, and for how long it puts up with that leader's silence. */
export class Following {
  readonly #clock: Clock;
  /** Draws how long it is patient from when it hears its leader, ms. */
  readonly #drawPatienceMs: () => number;
  #leader: KnownLeader | null = null;
  #patientUntil = 0;

  constructor({ clock, random, electionTimeoutMs }: Pick<Candidate, 'clock' | 'random' | 'electionTimeoutMs'>) {
    this.#clock = clock;
    this.#drawPatienceMs = () => electionTimeoutMs * (1 + jitter * random());
  }

  begin(leader: KnownLeader | null): void {
    this.#leader = leader;
    this.#wait();
  }

  end(): void {
    this.#leader = null;
  }

  /** True: it goes on as it was, and there is nothing else to be done about the heartbeat. */
  hears({ leader, epoch, resigned = false }: Heartbeat): boolean {
    if (resigned || leader !== this.#leader?.leader || epoch !== this.#leader.epoch) return false;
    this.#wait();
    return true;
  }

  /** For how much longer it waits, ms. */
  patienceLeftMs(): number {
    return this.#patientUntil - this.#clock.monotonicNow();
  }

  #wait(): void {
    this.#patientUntil = this.#clock.monotonicNow() + this.#drawPatienceMs();
  }
}

/**
 * Asks who leads, then listens for good. Where nobody listens at all, nobody can lead, and nobody need wait; where
 * somebody listens and says nothing, it may be a leader that is busy.
 */
export function listen(candidate: Candidate, tell: (event: LeaderEvent) => void): () => void {
  const { bus, subject, id, following } = candidate;
  const ended = new AbortController();
  const hear = (message: BusMessage) => {
    const heartbeat = parseHeartbeat(message.data);
    if (heartbeat === null) tell({ type: 'WHO_LEADS', message });
    else if (heartbeat.leader !== id && !following.hears(heartbeat)) tell({ type: 'HEARTBEAT', heartbeat });
  };
  void probe(bus, subject).then((answer) => {
    if (ended.signal.aborted || answer === 'closed') return;
    const subscription = bus.subscribe(subject, hear);
    ended.signal.addEventListener('abort', () => subscription.unsubscribe(), { once: true });
    if (answer === 'nobody') tell({ type: 'NOBODY_LEADS' });
    else if (answer !== 'silence') hear(answer);
  });
  return () => ended.abort();
}

async function probe(bus: Bus, subject: string): Promise<BusMessage | 'nobody' | 'silence' | 'closed'> {
  try {
    return await bus.request(subject, whoLeads, { timeoutMs: probeTimeoutMs });
  } catch (error) {
    if (error instanceof NoRespondersError) return 'nobody';
    if (error instanceof RequestTimeoutError) return 'silence';
    if (error instanceof BusClosedError) return 'closed';
    throw error;
  }
}

/**
 * Follows until it is ended; tells when the leader has been silent for as long as this candidate is patient.
 * @param leader null: it is not known, and whoever is heard is news.
 */
export function awaitSilence(
  { clock, following }: Candidate,
  leader: KnownLeader | null,
  tell: (event: LeaderEvent) => void,
): () => void {
  following.begin(leader);
  const look = () => {
    const leftMs = following.patienceLeftMs();
    if (leftMs > 0) timer = clock.setTimeout(look, leftMs);
    else tell({ type: 'SILENCE' });
  };
  let timer = clock.setTimeout(look, following.patienceLeftMs());
  return () => {
    following.end();
    clock.clearTimeout(timer);
  };
}

/** Sends heartbeats until it is ended. */
export function beat({ id, bus, subject, clock, heartbeatMs }: Candidate, epoch: number): () => void {
  const heartbeat = encodeHeartbeat({ leader: id, epoch });
  let timer: unknown;
  const send = () => {
    bus.publish(subject, heartbeat);
    timer = clock.setTimeout(send, heartbeatMs);
  };
  send();
  return () => clock.clearTimeout(timer);
}

/**
 * @param silent the highest epoch whose leader is known to be silent.
 * @throws {NewerEpochError}
 * @throws {FencedError | AppendRefusedError | OutcomeUnknownError | LogUnavailableError}
 */
export async function campaign({ campaigns }: Candidate, silent: number, signal: AbortSignal): Promise<FenceState> {
  const at = await campaigns.read(signal);
  if (at.epoch > silent) throw new NewerEpochError(at.epoch);
  return campaigns.campaign(at, signal);
}

/** @throws {FencedError} another candidate's election is on the log already. */
export async function takeOver({ hooks }: Candidate, term: Term | null): Promise<void> {
  if (term === null) throw new Error('only a candidate in office takes over');
  const { epoch, signal } = term;
  await hooks.catchUp(epoch, signal);
  await hooks.elect(epoch, signal);
}
