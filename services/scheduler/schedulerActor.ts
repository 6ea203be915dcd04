/**
 * A scheduler: it folds the log into a projection, answers queries from it, and, while it leads, decides. What lives in
 * time is here; what is decided is in `commitLoop.ts` and `policy/`.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import type { Bus, Subscription } from '../../shared/bus/bus.ts';
import type { Clock } from '../../shared/clock/clock.ts';
import { FencedError } from '../../shared/log/appendOnce.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import { type Leader, startLeader } from '../../shared/log/leaderActor.ts';
import type { Projection } from '../../shared/log/projection.ts';
import type { SnapshotStore } from '../../shared/log/snapshots.ts';
import { createSubjectWriter } from '../../shared/log/subjectWriter.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { lead } from './lead.ts';
import { serveQueries } from './queryService.ts';
import { loadProjection, saveSnapshots } from './snapshots.ts';

export interface SchedulerDeps {
  /** This scheduler. */
  id: string;
  bus: Bus;
  log: EventLog;
  fence: EventLog;
  snapshots: SnapshotStore;
  clock: Clock;
  random: () => number;
  ids: () => string;
  /** How long a machine may be silent, ms. */
  machineTimeoutMs?: number;
  electionTimeoutMs?: number;
  onError: (error: unknown) => void;
}

export type SchedulerState = 'loading' | 'replaying' | 'following' | 'leading' | 'stopped' | 'failed';

type SchedulerEvent =
  | { type: 'CAUGHT_UP' }
  | { type: 'LEADING'; epoch: number; signal: AbortSignal }
  | { type: 'FOLLOWING' }
  | { type: 'LOG_FAILED'; error: unknown }
  | { type: 'STOP' };

interface SchedulerContext {
  projection: Projection | null;
  leader: Leader | null;
  error: unknown;
}

function createSchedulerMachine(deps: SchedulerDeps) {
  return setup({
    types: {} as { context: SchedulerContext; events: SchedulerEvent },
    actors: {
      load: fromPromise(() => loadProjection(deps)),
      follow: fromCallback<SchedulerEvent, Projection>(({ input, sendBack }) => follow(deps.log, input, sendBack)),
      queries: fromCallback<SchedulerEvent, SchedulerContext>(({ input }) => answerQueries(deps, input)),
      lead: fromCallback<SchedulerEvent, Term>(({ input, sendBack }) => {
        const { projection, leader, epoch, signal } = input;
        lead({ ...deps, projection, leader, epoch, signal }).catch((error) => {
          // What comes after the end of the term says nothing of the next one.
          if (signal.aborted) return;
          if (error instanceof FencedError) leader.fenced(error.message);
          else sendBack({ type: 'LOG_FAILED', error });
        });
        return saveSnapshots(deps, projection);
      }),
    },
    actions: {
      startLeader: assign({
        leader: ({ context, self }) => candidate(deps, projectionOf(context), (event) => self.send(event)),
      }),
      resign: ({ context }) => context.leader?.resign(),
      fail: assign((_, { error }: { error: unknown }) => ({ error })),
    },
  }).createMachine({
    id: 'scheduler',
    context: { projection: null, leader: null, error: null },
    initial: 'loading',
    on: {
      STOP: '.stopped',
      LOG_FAILED: { target: '.failed', actions: { type: 'fail', params: ({ event }) => ({ error: event.error }) } },
    },
    states: {
      loading: {
        invoke: {
          src: 'load',
          onDone: { target: 'running', actions: assign({ projection: ({ event }) => event.output }) },
          onError: { target: 'failed', actions: { type: 'fail', params: ({ event }) => ({ error: event.error }) } },
        },
      },
      running: {
        initial: 'replaying',
        invoke: { src: 'follow', input: ({ context }) => projectionOf(context) },
        states: {
          replaying: { on: { CAUGHT_UP: 'serving' } },
          serving: {
            entry: 'startLeader',
            exit: 'resign',
            invoke: { src: 'queries', input: ({ context }) => context },
            initial: 'following',
            on: { FOLLOWING: '.following', LEADING: '.leading' },
            states: {
              following: {},
              leading: {
                invoke: { src: 'lead', input: ({ context, event }) => termOf(context, event) },
              },
            },
          },
        },
      },
      stopped: { type: 'final' },
      failed: { type: 'final' },
    },
  });
}

interface Term {
  projection: Projection;
  leader: Leader;
  epoch: number;
  signal: AbortSignal;
}

function termOf(context: SchedulerContext, event: SchedulerEvent): Term {
  if (event.type !== 'LEADING' || !context.leader) throw new Error('a scheduler leads only when it was elected');
  return { projection: projectionOf(context), leader: context.leader, epoch: event.epoch, signal: event.signal };
}

function projectionOf({ projection }: SchedulerContext): Projection {
  if (!projection) throw new Error('the projection is used before it is loaded');
  return projection;
}

/** Folds the log for as long as the scheduler runs. A log that cannot be folded ends it. */
function follow(log: EventLog, projection: Projection, send: (event: SchedulerEvent) => void): () => void {
  const stop = new AbortController();
  const onIdle = () => send({ type: 'CAUGHT_UP' });
  const fold = async () => {
    for await (const record of log.tail({ fromSeq: projection.seq + 1, signal: stop.signal, onIdle })) {
      projection.apply(record);
    }
  };
  fold().catch((error) => send({ type: 'LOG_FAILED', error }));
  return () => stop.abort();
}

function answerQueries(deps: SchedulerDeps, { projection, leader }: SchedulerContext): () => void {
  if (!projection || !leader) return () => undefined;
  const services: Subscription[] = serveQueries({ ...deps, projection, leader });
  return () => {
    for (const service of services) service.unsubscribe();
  };
}

/** This scheduler as a candidate: how it catches up, and how its election gets on the log. */
function candidate(deps: SchedulerDeps, projection: Projection, send: (event: SchedulerEvent) => void): Leader {
  const { id, log, clock, ids } = deps;
  const catchUp = async (signal: AbortSignal) => projection.reached((await log.bounds()).last, signal);
  return startLeader({
    ...deps,
    role: 'scheduler',
    ...(deps.electionTimeoutMs === undefined ? {} : { electionTimeoutMs: deps.electionTimeoutMs }),
    hooks: {
      catchUp: (_epoch, signal) => catchUp(signal),
      elect: async (epoch, signal) => {
        const by = `scheduler/${id}`;
        const writer = createSubjectWriter({ log, subject: subjects.clusterLog, by, ids, clock, signal });
        for (;;) {
          if ((projection.state.leader?.epoch ?? 0) > epoch) throw new FencedError('a later epoch is on the log');
          writer.reset(projection.head(subjects.clusterLog));
          const cluster = projection.state.cluster || ids();
          const elected = { type: 'LeaderElected', role: 'scheduler', epoch, leader: id, cluster } as const;
          try {
            const { seq } = await writer.append({ cause: `election ${epoch}`, events: [elected] });
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

export interface Scheduler {
  readonly state: SchedulerState;
  stop(): void;
  /** Resolves at the end: null when it was told to stop, else what is wrong with the log. */
  readonly ended: Promise<unknown>;
}

export function startScheduler(
  deps: SchedulerDeps,
  onState: (state: SchedulerState) => void = () => undefined,
): Scheduler {
  const actor = createActor(createSchedulerMachine(deps), { clock: deps.clock });
  let state: SchedulerState = 'loading';
  const ended = new Promise<unknown>((resolve) => {
    actor.subscribe({
      next: ({ value }) => {
        const next = nameOf(value);
        if (next !== state) onState(next);
        state = next;
      },
      complete: () => resolve(actor.getSnapshot().context.error),
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

type Value = 'loading' | 'stopped' | 'failed' | { running: 'replaying' | { serving: 'following' | 'leading' } };

function nameOf(value: Value): SchedulerState {
  if (typeof value === 'string') return value;
  return typeof value.running === 'string' ? value.running : value.running.serving;
}
