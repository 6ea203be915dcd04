/**
 * Leadership of a role, one candidate's view of it. Whoever has heard no leader for a while campaigns; the fence says
 * who won; the winner catches up with the log, appends its election there, and leads. Clocks decide when somebody
 * campaigns, never who is right: a leader that has lost its place finds out at its next append.
 */
import { type ActorRefFrom, assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import { subjects } from '../protocol/subjects.ts';
import { FencedError } from './appendOnce.ts';
import { createFence, createTerm, type FenceState, type Term } from './leaderFence.ts';
import { encodeHeartbeat, type Heartbeat } from './leaderMessage.ts';
import {
  beat,
  type Candidate,
  campaign,
  type LeaderEvent,
  type LeaderOptions,
  listen,
  NewerEpochError,
  takeOver,
} from './leaderWork.ts';

export interface Leader {
  readonly state: 'following' | 'campaigning' | 'catchingUp' | 'leading' | 'fenced' | 'resigned';
  /** Who leads, as far as this candidate knows. */
  readonly known: { leader: string; epoch: number } | null;
  /** The role's append was refused in the term that goes on now: somebody else leads. */
  fenced(reason: string): void;
  /** Stops taking part, and lets the others know, so that one of them campaigns at once. */
  resign(): void;
  /**
   * Proves that this candidate leads now, by an append on the fence that begins after the call: what the role has
   * folded before it is all that was acknowledged to anybody. Waits while the log is away.
   * @throws {FencedError} it does not lead (any more).
   */
  proveLeadership(): Promise<void>;
  /** Campaigns at once, whoever leads: that is how leadership is handed over. */
  campaign(): void;
  /** Calls `listener` whenever {@link state} or {@link known} may have changed; returns what takes it off. */
  onChange(listener: () => void): () => void;
  /** Stops without a word, as a crash would. */
  stop(): void;
}

interface Context {
  /** Who leads, as far as this candidate knows. */
  known: { leader: string; epoch: number } | null;
  /** The highest epoch heard or read of. */
  epoch: number;
  term: Term | null;
}

/** Of the election timeout: how much longer the most patient candidate waits. */
const jitter = 0.2;

/** Starts to take part in the leadership of a role. */
export function startLeader(options: LeaderOptions): Leader {
  const { role, id, fence, ids, clock } = options;
  const machine = createLeaderMachine({
    ...options,
    campaigns: createFence({ role, id, log: fence, ids, clock }),
    subject: subjects.leader(role),
    heartbeatMs: options.heartbeatMs ?? 300,
    electionTimeoutMs: options.electionTimeoutMs ?? 1_500,
  });
  const actor = createActor(machine, { clock });
  actor.start();
  return leaderOf(actor);
}

function leaderOf(actor: ActorRefFrom<ReturnType<typeof createLeaderMachine>>): Leader {
  const isTakingPart = () => actor.getSnapshot().status === 'active';
  const tell = (event: LeaderEvent) => {
    if (isTakingPart()) actor.send(event);
  };
  return {
    get state() {
      const { value } = actor.getSnapshot();
      if (!isTakingPart()) return 'resigned';
      return typeof value === 'string' ? value : value.elected;
    },
    get known() {
      return actor.getSnapshot().context.known;
    },
    fenced: (reason) => tell({ type: 'FENCED', reason }),
    resign: () => tell({ type: 'RESIGN' }),
    proveLeadership: async () => {
      const snapshot = actor.getSnapshot();
      const { term } = snapshot.context;
      const isLeading = isTakingPart() && snapshot.matches({ elected: 'leading' });
      if (!term || !isLeading) throw new FencedError('this candidate does not lead');
      try {
        await term.prove();
      } catch (error) {
        // An old term's proof says nothing about a later term.
        const isSameTerm = actor.getSnapshot().context.term === term;
        if (error instanceof FencedError && isSameTerm) tell({ type: 'FENCED', reason: error.message });
        throw error;
      }
    },
    campaign: () => tell({ type: 'NOBODY_LEADS' }),
    onChange: (listener) => {
      const subscription = actor.subscribe(() => listener());
      return () => subscription.unsubscribe();
    },
    stop: () => {
      actor.getSnapshot().context.term?.end();
      actor.stop();
    },
  };
}

function createLeaderMachine(candidate: Candidate) {
  const { id, bus, subject, hooks, random, electionTimeoutMs } = candidate;
  return setup({
    types: {} as { context: Context; events: LeaderEvent },
    actors: {
      listen: fromCallback<LeaderEvent>(({ sendBack }) => listen(candidate, sendBack)),
      campaign: fromPromise<FenceState, number>(({ input, signal }) => campaign(candidate, input, signal)),
      beat: fromCallback<LeaderEvent, number>(({ input }) => beat(candidate, input)),
      takeOver: fromPromise<void, Term | null>(({ input }) => takeOver(candidate, input)),
      readFence: fromPromise<FenceState>(({ signal }) => candidate.campaigns.read(signal)),
    },
    delays: { electionTimeout: () => electionTimeoutMs * (1 + jitter * random()) },
    guards: {
      isLeaving: ({ context, event }) =>
        event.type === 'HEARTBEAT' && event.heartbeat.resigned === true && event.heartbeat.epoch >= context.epoch,
      isCurrent: ({ context, event }) =>
        event.type === 'HEARTBEAT' && !event.heartbeat.resigned && event.heartbeat.epoch >= context.epoch,
      isNewer: ({ context, event }) => event.type === 'HEARTBEAT' && event.heartbeat.epoch > context.epoch,
    },
    actions: {
      noteLeader: assign(({ context, event }) => (event.type === 'HEARTBEAT' ? heard(event.heartbeat) : context)),
      answer: ({ context: { epoch }, event }) => {
        if (event.type === 'WHO_LEADS') event.message.respond(encodeHeartbeat({ leader: id, epoch }));
      },
      lead: ({ context: { term } }) => term && hooks.onLeading(term.epoch, term.signal),
      endTerm: ({ context, event }) => {
        context.term?.end();
        hooks.onFollowing(reasonOf(event));
      },
      sayGoodbye: ({ context: { epoch } }) =>
        bus.publish(subject, encodeHeartbeat({ leader: id, epoch, resigned: true })),
    },
  }).createMachine({
    id: 'leader',
    context: { known: null, epoch: 0, term: null },
    invoke: { src: 'listen' },
    on: { RESIGN: '.resigned' },
    initial: 'following',
    states: {
      following: {
        after: { electionTimeout: 'campaigning' },
        on: {
          HEARTBEAT: [
            { guard: 'isLeaving', actions: 'noteLeader', target: 'campaigning' },
            { guard: 'isCurrent', actions: 'noteLeader', target: 'following', reenter: true },
          ],
          NOBODY_LEADS: 'campaigning',
        },
      },
      campaigning: {
        on: { HEARTBEAT: { guard: 'isCurrent', actions: 'noteLeader', target: 'following' } },
        invoke: {
          src: 'campaign',
          input: ({ context, event }) => (event.type === 'NOBODY_LEADS' ? Number.POSITIVE_INFINITY : context.epoch),
          onDone: { target: 'elected', actions: assign(({ event }) => elected(candidate, event.output)) },
          onError: {
            target: 'following',
            actions: assign({ epoch: ({ context, event }) => newerEpoch(event.error) ?? context.epoch }),
          },
        },
      },
      elected: {
        invoke: { src: 'beat', input: ({ context }) => context.epoch },
        exit: ['endTerm', assign({ term: null, known: null })],
        on: {
          HEARTBEAT: { guard: 'isNewer', actions: 'noteLeader', target: 'fenced' },
          WHO_LEADS: { actions: 'answer' },
          FENCED: 'fenced',
          RESIGN: { actions: 'sayGoodbye', target: 'resigned' },
        },
        initial: 'catchingUp',
        states: {
          catchingUp: {
            invoke: {
              src: 'takeOver',
              input: ({ context }) => context.term,
              onDone: 'leading',
              onError: '#leader.fenced',
            },
          },
          leading: { entry: 'lead' },
        },
      },
      fenced: {
        on: { HEARTBEAT: { guard: 'isCurrent', actions: 'noteLeader', target: 'following' } },
        invoke: {
          src: 'readFence',
          onDone: { target: 'following', actions: assign({ epoch: ({ event }) => event.output.epoch }) },
          onError: 'following',
        },
      },
      resigned: { type: 'final' },
    },
  });
}

function heard({ leader, epoch, resigned = false }: Heartbeat): Pick<Context, 'epoch' | 'known'> {
  return { epoch, known: resigned ? null : { leader, epoch } };
}

function elected({ id, campaigns }: Candidate, won: FenceState): Context {
  const { epoch } = won;
  return { epoch, known: { leader: id, epoch }, term: createTerm(campaigns, won) };
}

function newerEpoch(error: unknown): number | null {
  return error instanceof NewerEpochError ? error.epoch : null;
}

/** Why a term ends, of the event that ends it; that of a failed take-over is xstate's own and carries the error. */
function reasonOf(event: LeaderEvent | { type: string; error?: unknown }): string {
  if ('heartbeat' in event) return `${event.heartbeat.leader} leads in epoch ${event.heartbeat.epoch}`;
  if ('reason' in event) return event.reason;
  if ('error' in event) return `it could not take over: ${String(event.error)}`;
  return 'it resigned';
}
