/**
 * A replica of what a role folds from its log (the scheduler's cluster, the key/value store): it folds, serves whoever
 * asks and, while it leads, writes. What lives in time is here; what the role does, and decides, is given to it.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import { atMost } from '../clock/clock.ts';
import type { Caused } from '../protocol/commit.ts';
import { FencedError } from './appendOnce.ts';
import { type EventLog, OutcomeUnknownError } from './eventLog.ts';
import type { Fold } from './fold.ts';
import { type Leader, startLeader } from './leaderActor.ts';
import type { LeaderOptions } from './leaderWork.ts';
import type { SnapshotStore } from './snapshots.ts';
import { createSubjectWriter } from './subjectWriter.ts';

/** What every replica stands on. */
export interface ReplicaDeps extends Pick<LeaderOptions, 'bus' | 'fence' | 'clock' | 'random' | 'ids'> {
  log: EventLog;
  snapshots: SnapshotStore;
  electionTimeoutMs?: number;
  onError: (error: unknown) => void;
}

export interface ReplicaOptions<E, P extends Fold<E>> extends Omit<LeaderOptions, 'hooks'> {
  log: EventLog;
  /** What the leader of the role writes on. */
  subject: string;
  /** Whoever leads folds its own commits when they are acknowledged, and nobody else writes: it need not read the log. */
  foldsOwnCommits?: boolean;
  /** Where to begin folding: a snapshot, or nothing. */
  load: () => Promise<P>;
  /** What stands on the log first in each term. */
  elected: (projection: P, epoch: number) => Caused<E>;
  /** Of the last election that is in the projection; 0: there was none. */
  epochOf: (projection: P) => number;
  /** Answers whoever asks, from when the replica is up to date, leading or not; returns what ends it. */
  serve: (projection: P, leader: Leader) => () => void;
  /**
   * One term of leadership; resolves at its end.
   * @throws {FencedError} somebody else leads.
   */
  lead: (term: ReplicaTerm<P>) => Promise<void>;
}

export interface ReplicaTerm<P> {
  projection: P;
  leader: Leader;
  epoch: number;
  /** Aborts at the end of the term. */
  signal: AbortSignal;
}

export type ReplicaState = 'loading' | 'replaying' | 'following' | 'leading' | 'stopped' | 'failed';

export interface Replica {
  readonly state: ReplicaState;
  stop(): void;
  /**
   * Resolves at the end, when whoever is owed an answer has been given it: null when it was told to stop, else what is
   * wrong with the log.
   */
  readonly ended: Promise<unknown>;
}

type ReplicaEvent =
  | { type: 'CAUGHT_UP' }
  | { type: 'LEADING'; epoch: number; signal: AbortSignal }
  | { type: 'FOLLOWING' }
  | { type: 'LOG_FAILED'; error: unknown }
  | { type: 'STOP' };

type Send = (event: ReplicaEvent) => void;

interface ReplicaContext {
  work: ReplicaWork;
  leader: Leader | null;
  error: unknown;
}

type Term = Omit<ReplicaTerm<unknown>, 'projection'>;

/** What is done in the chart's states. */
interface ReplicaWork {
  load(): Promise<void>;
  follow(send: Send): () => void;
  campaign(send: Send): Leader;
  serve(leader: Leader): () => void;
  lead(term: Term): Promise<void>;
  /** Resolves when a term that is over has ended what it was at, unless the log is away for long. */
  settled(): Promise<void>;
}

/** What a leader that stops has appended is waited for so long, ms: then it can be answered. */
const lastAppendMs = 1_500;

export function startReplica<E, P extends Fold<E>>(
  options: ReplicaOptions<E, P>,
  onState: (state: ReplicaState) => void = () => undefined,
): Replica {
  const work = workOf(options);
  const actor = createActor(replicaMachine, { input: work, clock: options.clock });
  let state: ReplicaState = 'loading';
  const ended = new Promise<unknown>((resolve) => {
    actor.subscribe({
      next: ({ value }) => {
        const next = nameOf(value);
        if (next !== state) onState(next);
        state = next;
      },
      complete: () => void work.settled().then(() => resolve(actor.getSnapshot().context.error)),
    });
  });
  actor.start();
  return {
    get state() {
      return state;
    },
    stop: () => actor.send({ type: 'STOP' }),
    ended,
  };
}

const replicaMachine = setup({
  types: {} as { input: ReplicaWork; context: ReplicaContext; events: ReplicaEvent },
  actors: {
    load: fromPromise<void, ReplicaContext>(({ input }) => input.work.load()),
    follow: fromCallback<ReplicaEvent, ReplicaContext>(({ input, sendBack }) => input.work.follow(sendBack)),
    serve: fromCallback<ReplicaEvent, ReplicaContext>(({ input: { work, leader } }) =>
      leader ? work.serve(leader) : undefined,
    ),
    lead: fromPromise<void, { work: ReplicaWork; term: Term }>(({ input }) => input.work.lead(input.term)),
  },
  actions: {
    startLeader: assign({ leader: ({ context, self }) => context.work.campaign((event) => self.send(event)) }),
    resign: ({ context }) => context.leader?.resign(),
    fail: assign((_, { error }: { error: unknown }) => ({ error })),
  },
}).createMachine({
  id: 'replica',
  context: ({ input }) => ({ work: input, leader: null, error: null }),
  initial: 'loading',
  on: {
    STOP: '.stopped',
    LOG_FAILED: { target: '.failed', actions: { type: 'fail', params: ({ event }) => ({ error: event.error }) } },
  },
  states: {
    loading: {
      invoke: {
        src: 'load',
        input: ({ context }) => context,
        onDone: 'running',
        onError: { target: 'failed', actions: { type: 'fail', params: ({ event }) => ({ error: event.error }) } },
      },
    },
    running: {
      initial: 'replaying',
      invoke: { src: 'follow', input: ({ context }) => context },
      states: {
        replaying: { on: { CAUGHT_UP: 'serving' } },
        serving: {
          entry: 'startLeader',
          exit: 'resign',
          invoke: { src: 'serve', input: ({ context }) => context },
          initial: 'following',
          on: { FOLLOWING: '.following', LEADING: '.leading' },
          states: {
            following: {},
            leading: {
              invoke: {
                src: 'lead',
                input: ({ context, event }) => ({ work: context.work, term: termOf(context, event) }),
                onError: {
                  target: '#replica.failed',
                  actions: { type: 'fail', params: ({ event }) => ({ error: event.error }) },
                },
              },
            },
          },
        },
      },
    },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
});

function termOf({ leader }: ReplicaContext, event: ReplicaEvent): Term {
  if (event.type !== 'LEADING' || !leader) throw new Error('a replica leads only when it was elected');
  return { leader, epoch: event.epoch, signal: event.signal };
}

function workOf<E, P extends Fold<E>>(options: ReplicaOptions<E, P>): ReplicaWork {
  let loaded: P | null = null;
  let tail: Tail<E> | null = null;
  let leading = Promise.resolve();
  const projection = () => {
    if (!loaded) throw new Error('the projection is used before it is loaded');
    return loaded;
  };
  return {
    load: async () => {
      loaded = await options.load();
    },
    follow: (send) => {
      tail = new Tail(options.log, projection(), send);
      return () => tail?.end();
    },
    campaign: (send) => candidate(options, projection(), send),
    serve: (leader) => options.serve(projection(), leader),
    lead: (term) => {
      const over = lead(term);
      leading = over.catch(() => undefined);
      return over;
    },
    settled: async () => {
      await atMost(options.clock, lastAppendMs, leading);
      await options.clock.nextTurn();
    },
  };

  async function lead(term: Term): Promise<void> {
    if (options.foldsOwnCommits) tail?.pause();
    try {
      await options.lead({ ...term, projection: projection() });
    } catch (error) {
      // What comes after the end of the term says nothing of the next one.
      if (term.signal.aborted) return;
      // Of an append whose outcome stays open the log tells: whoever leads next has folded it, or not.
      if (!(error instanceof FencedError || error instanceof OutcomeUnknownError)) throw error;
      term.leader.fenced(error.message);
    } finally {
      if (options.foldsOwnCommits) tail?.resume();
    }
  }
}

/** Folds the log for as long as the replica runs. A log that cannot be folded ends it. */
class Tail<E> {
  readonly #log: EventLog;
  readonly #projection: Fold<E>;
  readonly #send: Send;
  #stop = new AbortController();
  /** A term that ends late may overlap with the next. */
  #pauses = 0;

  constructor(log: EventLog, projection: Fold<E>, send: Send) {
    this.#log = log;
    this.#projection = projection;
    this.#send = send;
    this.#begin();
  }

  pause(): void {
    this.#pauses++;
    this.#stop.abort();
  }

  /** Goes on where the projection is by then. */
  resume(): void {
    this.#pauses--;
    if (this.#pauses === 0) this.#begin();
  }

  end(): void {
    this.#pauses = Number.POSITIVE_INFINITY;
    this.#stop.abort();
  }

  #begin(): void {
    this.#stop = new AbortController();
    this.#fold(this.#stop.signal).catch((error) => this.#send({ type: 'LOG_FAILED', error }));
  }

  async #fold(signal: AbortSignal): Promise<void> {
    const onIdle = () => this.#send({ type: 'CAUGHT_UP' });
    for await (const record of this.#log.tail({ fromSeq: this.#projection.seq + 1, signal, onIdle })) {
      if (signal.aborted) return;
      // It may have been folded already, when it was acknowledged.
      if (record.seq > this.#projection.seq) this.#projection.apply(record);
    }
  }
}

/** This replica as a candidate: how it catches up, and how its election gets on the log. */
function candidate<E, P extends Fold<E>>(options: ReplicaOptions<E, P>, projection: P, send: Send): Leader {
  const { role, id, log, subject, clock, ids } = options;
  const catchUp = async (signal: AbortSignal) => projection.reached((await log.bounds()).last, signal);
  return startLeader({
    ...options,
    hooks: {
      catchUp: (_epoch, signal) => catchUp(signal),
      elect: async (epoch, signal) => {
        const writer = createSubjectWriter<E>({ log, subject, by: `${role}/${id}`, ids, clock, signal });
        for (;;) {
          if (options.epochOf(projection) > epoch) throw new FencedError('a later epoch is on the log');
          writer.reset(projection.head(subject));
          const events = [options.elected(projection, epoch)];
          try {
            const { seq } = await writer.append({ cause: `election ${epoch}`, events });
            return await projection.reached(seq, signal);
          } catch (error) {
            if (!(error instanceof FencedError) || signal.aborted) throw error;
            await catchUp(signal);
          }
        }
      },
      onLeading: (epoch, signal) => send({ type: 'LEADING', epoch, signal }),
      onFollowing: () => send({ type: 'FOLLOWING' }),
    },
  });
}

type Value = 'loading' | 'stopped' | 'failed' | { running: 'replaying' | { serving: 'following' | 'leading' } };

function nameOf(value: Value): ReplicaState {
  if (typeof value === 'string') return value;
  return typeof value.running === 'string' ? value.running : value.running.serving;
}
