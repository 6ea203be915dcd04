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
  awaitSilence,
  beat,
  type Candidate,
  campaign,
  Following,
  type KnownLeader,
  type LeaderEvent,
  type LeaderOptions,
  listen,
  NewerEpochError,
  takeOver,
} from './leaderWork.ts';

export interface Leader {
  readonly state: 'following' | 'campaigning' | 'catchingUp' | 'leading' | 'fenced' | 'resigned';
  /** Who leads, as far as this candidate knows. */
  readonly known: KnownLeader | null;
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
  /** When the last append began that proved so in this term, whoever had asked for it, monotonic ms; −∞: there was none. */
  readonly provenAt: number;
  /** Campaigns at once, whoever leads: that is how leadership is handed over. */
  campaign(): void;
  /** Calls `listener` whenever {@link state} or {@link known} may have changed; returns what takes it off. */
  onChange(listener: () => void): () => void;
  /** Stops without a word, as a crash would. */
  stop(): void;
}

interface Context {
  candidate: Candidate;
  /** Who leads, as far as this candidate knows. */
  known: KnownLeader | null;
  /** The highest epoch heard or read of. */
  epoch: number;
  term: Term | null;
}

/** Starts to take part in the leadership of a role. */
export function startLeader(options: LeaderOptions): Leader {
  const { role, id, fence, ids, clock } = options;
  const electionTimeoutMs = options.electionTimeoutMs ?? 1_500;
  const candidate: Candidate = {
    ...options,
    campaigns: createFence({ role, id, log: fence, ids, clock }),
    subject: subjects.leader(role),
    heartbeatMs: options.heartbeatMs ?? 300,
    electionTimeoutMs,
    following: new Following({ ...options, electionTimeoutMs }),
  };
  const actor = createActor(leaderMachine, { input: candidate, clock });
  actor.start();
  return leaderOf(actor);
}

function leaderOf(actor: ActorRefFrom<typeof leaderMachine>): Leader {
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
    get provenAt() {
      return actor.getSnapshot().context.term?.provenAt ?? Number.NEGATIVE_INFINITY;
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

const leaderMachine = setup({
  types: {} as { input: Candidate; context: Context; events: LeaderEvent },
  actors: {
    listen: fromCallback<LeaderEvent, Candidate>(({ input, sendBack }) => listen(input, sendBack)),
    awaitSilence: fromCallback<LeaderEvent, Context>(({ input, sendBack }) =>
      awaitSilence(input.candidate, leaderIn(input), sendBack),
    ),
    campaign: fromPromise<FenceState, { candidate: Candidate; silent: number }>(({ input, signal }) =>
      campaign(input.candidate, input.silent, signal),
    ),
    beat: fromCallback<LeaderEvent, Context>(({ input }) => beat(input.candidate, input.epoch)),
    takeOver: fromPromise<void, Context>(({ input }) => takeOver(input.candidate, input.term)),
    readFence: fromPromise<FenceState, Candidate>(({ input, signal }) => input.campaigns.read(signal)),
  },
  guards: {
    isLeaving: ({ context, event }) =>
      event.type === 'HEARTBEAT' && event.heartbeat.resigned === true && event.heartbeat.epoch >= context.epoch,
    isCurrent: ({ context, event }) =>
      event.type === 'HEARTBEAT' && !event.heartbeat.resigned && event.heartbeat.epoch >= context.epoch,
    isNewer: ({ context, event }) => event.type === 'HEARTBEAT' && event.heartbeat.epoch > context.epoch,
  },
  actions: {
    noteLeader: assign(({ context, event }) => (event.type === 'HEARTBEAT' ? heard(event.heartbeat) : context)),
    answer: ({ context: { candidate, epoch }, event }) => {
      if (event.type === 'WHO_LEADS') event.message.respond(encodeHeartbeat({ leader: candidate.id, epoch }));
    },
    lead: ({ context: { candidate, term } }) => term && candidate.hooks.onLeading(term.epoch, term.signal),
    endTerm: ({ context, event }) => {
      context.term?.end();
      context.candidate.hooks.onFollowing(reasonOf(event));
    },
    sayGoodbye: ({ context: { candidate, epoch } }) =>
      candidate.bus.publish(candidate.subject, encodeHeartbeat({ leader: candidate.id, epoch, resigned: true })),
  },
}).createMachine({
  id: 'leader',
  context: ({ input }) => ({ candidate: input, known: null, epoch: 0, term: null }),
  invoke: { src: 'listen', input: ({ context }) => context.candidate },
  on: { RESIGN: '.resigned' },
  initial: 'following',
  states: {
    following: {
      invoke: { src: 'awaitSilence', input: ({ context }) => context },
      on: {
        HEARTBEAT: [
          { guard: 'isLeaving', actions: 'noteLeader', target: 'campaigning' },
          { guard: 'isCurrent', actions: 'noteLeader', target: 'following', reenter: true },
        ],
        SILENCE: 'campaigning',
        NOBODY_LEADS: 'campaigning',
      },
    },
    campaigning: {
      on: { HEARTBEAT: { guard: 'isCurrent', actions: 'noteLeader', target: 'following' } },
      invoke: {
        src: 'campaign',
        input: ({ context: { candidate, epoch }, event }) => ({
          candidate,
          silent: event.type === 'NOBODY_LEADS' ? Number.POSITIVE_INFINITY : epoch,
        }),
        onDone: {
          target: 'elected',
          actions: assign(({ context, event }) => elected(context.candidate, event.output)),
        },
        onError: {
          target: 'following',
          actions: assign({ epoch: ({ context, event }) => newerEpoch(event.error) ?? context.epoch }),
        },
      },
    },
    elected: {
      invoke: { src: 'beat', input: ({ context }) => context },
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
            input: ({ context }) => context,
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
        input: ({ context }) => context.candidate,
        onDone: { target: 'following', actions: assign({ epoch: ({ event }) => event.output.epoch }) },
        onError: 'following',
      },
    },
    resigned: { type: 'final' },
  },
});

function heard({ leader, epoch, resigned = false }: Heartbeat): Pick<Context, 'epoch' | 'known'> {
  return { epoch, known: resigned ? null : { leader, epoch } };
}

/** Whose silence counts: an older leader than the newest of which this candidate has heard may say what it will. */
function leaderIn({ known, epoch }: Context): KnownLeader | null {
  return known !== null && known.epoch >= epoch ? known : null;
}

function elected({ id, campaigns, clock }: Candidate, won: FenceState): Omit<Context, 'candidate'> {
  const { epoch } = won;
  return { epoch, known: { leader: id, epoch }, term: createTerm(campaigns, won, clock) };
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
