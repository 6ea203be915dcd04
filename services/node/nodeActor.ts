/**
 * The agent of one machine. It first takes up what an earlier agent left running, then joins the cluster, and from then
 * on does what its assignments say. Losing the cluster stops nothing: it only waits for changes.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import type { Assignment } from '../../shared/protocol/node.ts';
import { AnswerTimes } from './heartbeat.ts';
import {
  beat,
  drain,
  handOver,
  join,
  listen,
  type NodeDeps,
  type NodeEvent,
  type NodeWork,
  readAssignment,
  recover,
} from './nodeWork.ts';

interface NodeContext {
  work: NodeWork;
  /** Why it stops, or why it is not part of the cluster, at the end. */
  reason: string;
  /** It was told to stop before it could. */
  stopping: boolean;
  /** When it last became part of the cluster, on the monotonic clock, ms; null: it never was. */
  joinedAt: number | null;
}

export type NodeState = 'recovering' | 'joining' | 'ready' | 'disconnected' | 'draining' | 'left' | 'refused';

const failed = {
  type: 'refuse',
  params: ({ event: { error } }: { event: { error: unknown } }) => ({
    reason: error instanceof Error ? error.message : String(error),
  }),
} as const;

const unexpected = {
  type: 'tellError',
  params: ({ event: { error } }: { event: { error: unknown } }) => ({ error }),
} as const;

const ofWork = { input: ({ context }: { context: NodeContext }) => context.work } as const;

const nodeMachine = setup({
  types: {} as { input: NodeWork; context: NodeContext; events: NodeEvent },
  actors: {
    recover: fromPromise<void, NodeWork>(({ input }) => recover(input)),
    join: fromPromise<void, NodeContext>(({ input, signal }) => join(input.work, input.joinedAt, signal)),
    listen: fromCallback<NodeEvent, NodeWork>(({ input, sendBack }) => listen(input, sendBack)),
    heartbeat: fromCallback<NodeEvent, NodeWork>(({ input, sendBack }) => beat(input, sendBack)),
    drain: fromPromise<void, NodeContext>(({ input }) => drain(input.work, input.reason)),
    catchUp: fromPromise<Assignment | null, NodeWork>(({ input }) => readAssignment(input)),
  },
  guards: {
    mustJoin: ({ event }) => event.type === 'HEARD' && !event.reply.ok && event.reply.code === 'join',
    replaced: ({ event }) => event.type === 'HEARD' && !event.reply.ok && event.reply.code === 'replaced',
    behind: ({ context, event }) =>
      event.type === 'HEARD' && event.reply.ok && event.reply.assignment > context.work.registry.version,
    outOfSync: ({ event }) => event.type === 'HEARD' && event.reply.ok && event.reply.resync,
    upToDate: ({ context, event }) => {
      const { version } = context.work.registry;
      return event.type === 'HEARD' && event.reply.ok && event.reply.assignment === version && version > 0;
    },
    isMember: ({ event }) => event.type === 'HEARD' && event.reply.ok,
    stopping: ({ context }) => context.stopping,
  },
  actions: {
    apply: ({ context, event }) => event.type === 'ASSIGNED' && context.work.registry.apply(event.assignment),
    sync: ({ context: { work, joinedAt } }) =>
      work.reporter.sync(work.facts.session, joinedAt === null ? 'joined' : 'joined again'),
    resync: ({ context: { work } }) =>
      work.reporter.sync(work.facts.session, 'the log said something else than this node'),
    refuse: assign((_, { reason }: { reason: string }) => ({ reason })),
    stop: assign(({ event }) => (event.type === 'STOP' ? { stopping: true, reason: event.reason } : {})),
    noteJoined: assign({ joinedAt: ({ context }) => context.work.clock.monotonicNow() }),
    speakAsMember: ({ context }) => {
      context.work.joined.is = true;
    },
    confirm: ({ context }) => context.work.registry.confirm(),
    abandon: ({ context }) => context.work.registry.abandon(),
    tellError: ({ context }, { error }: { error: unknown }) => context.work.onError(error),
  },
}).createMachine({
  id: 'node',
  context: ({ input }) => ({ work: input, reason: '', stopping: false, joinedAt: null }),
  initial: 'recovering',
  invoke: { src: 'listen', ...ofWork },
  states: {
    recovering: {
      invoke: [
        // Nothing that an earlier agent left is to be given to another machine meanwhile. What is answered does not matter yet.
        { src: 'heartbeat', ...ofWork },
        {
          src: 'recover',
          ...ofWork,
          // Told to stop meanwhile, it stops what it has just taken up.
          onDone: [{ guard: 'stopping', target: 'draining' }, { target: 'joining' }],
          onError: { target: 'refused', actions: failed },
        },
      ],
      on: { STOP: { actions: 'stop' } },
    },
    joining: {
      invoke: [
        { src: 'heartbeat', ...ofWork },
        {
          src: 'join',
          input: ({ context }) => context,
          onDone: { target: 'member', actions: ['sync', 'noteJoined', 'speakAsMember'] },
          onError: { target: 'refused', actions: failed },
        },
      ],
      on: {
        ASSIGNED: { actions: 'apply' },
        REJOIN: { target: 'joining', reenter: true },
        STOP: { target: 'draining', actions: 'stop' },
      },
    },
    member: {
      invoke: { src: 'heartbeat', ...ofWork },
      initial: 'ready',
      on: {
        ASSIGNED: { actions: 'apply' },
        REJOIN: 'joining',
        STOP: { target: 'draining', actions: 'stop' },
        HEARD: [
          { guard: 'mustJoin', target: 'joining' },
          {
            guard: 'replaced',
            target: 'refused',
            actions: { type: 'refuse', params: { reason: 'a newer start of this node took over' } },
          },
          { guard: 'behind', target: '.behind' },
          { guard: 'outOfSync', target: '.ready', actions: 'resync' },
          { guard: 'upToDate', target: '.ready', actions: 'confirm' },
          { guard: 'isMember', target: '.ready' },
        ],
        GONE_SILENT: '.disconnected',
      },
      states: {
        ready: {},
        /** The leader has a newer assignment than the one that was heard. */
        behind: {
          // What is heard meanwhile must not break off the reading.
          on: { HEARD: { guard: 'isMember' } },
          invoke: {
            src: 'catchUp',
            ...ofWork,
            onDone: {
              target: 'ready',
              actions: ({ context, event }) => event.output && context.work.registry.apply(event.output),
            },
            onError: { target: 'ready', actions: unexpected },
          },
        },
        disconnected: {},
      },
    },
    draining: {
      invoke: [
        {
          src: 'drain',
          input: ({ context }) => context,
          onDone: 'left',
          onError: { target: 'left', actions: unexpected },
        },
        // Until everything has stopped the machine is there: nothing of it may be started elsewhere yet.
        { src: 'heartbeat', ...ofWork },
      ],
    },
    left: { type: 'final' },
    /** It may not be part of the cluster: it ends, and its units are let alone. */
    refused: { type: 'final', entry: 'abandon' },
  },
});

export interface Node {
  readonly state: NodeState;
  /** Stops all units, leaves the cluster, and ends. */
  stop(reason: string): void;
  /**
   * Says that it ends, and that another agent will be there soon; its units are not touched. Resolves when it may end:
   * true where who leads has heard it, and waits.
   */
  handOver(): Promise<boolean>;
  /** The facts that it joined with have changed: tells the cluster. */
  rejoin(): void;
  /** Resolves at the end: null after leaving in good order, else why it may not be part of the cluster. */
  readonly ended: Promise<string | null>;
}

/** Starts the agent. `onState` is told each change of its state. */
export function startNode(deps: NodeDeps, onState: (state: NodeState) => void = () => undefined): Node {
  let state: NodeState = 'recovering';
  const work: NodeWork = {
    ...deps,
    joined: { is: false },
    handingOver: { is: false },
    answerTimes: new AnswerTimes(),
    isReady: () => state === 'ready',
  };
  const actor = createActor(nodeMachine, { input: work, clock: deps.clock });
  const ended = new Promise<string | null>((resolve) => {
    actor.subscribe({
      next: ({ value }) => {
        const next = typeof value === 'string' ? value : value.member === 'behind' ? 'ready' : value.member;
        if (next !== state) onState(next);
        state = next;
      },
      complete: () => resolve(state === 'refused' ? actor.getSnapshot().context.reason : null),
    });
  });
  actor.start();
  return {
    get state() {
      return state;
    },
    handOver: () => handOver(work),
    rejoin: () => actor.send({ type: 'REJOIN' }),
    stop: (reason) => actor.send({ type: 'STOP', reason }),
    ended,
  };
}
