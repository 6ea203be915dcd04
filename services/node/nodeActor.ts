/**
 * The agent of one machine. It first takes up what an earlier agent left running, then joins the cluster, and from then
 * on does what its assignments say. Losing the cluster stops nothing: it only waits for changes.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import { NoLeaderError } from '../../shared/bus/askPatiently.ts';
import type { Bus } from '../../shared/bus/bus.ts';
import { sendCommand } from '../../shared/bus/sendCommand.ts';
import { atMost, type Clock, delay } from '../../shared/clock/clock.ts';
import type { MachineFacts } from '../../shared/domain/events.ts';
import type { EventLog } from '../../shared/log/eventLog.ts';
import type { Assignment, Heartbeat, HeartbeatReply } from '../../shared/protocol/node.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { AnswerTimes, createAsker, startHeartbeat } from './heartbeat.ts';
import type { LeaseKeeper } from './leaseKeeper.ts';
import type { NodeStore } from './nodeStore.ts';
import { parseAssignment } from './parseMessages.ts';
import type { Reporter } from './reporter.ts';
import type { UnitRegistry } from './unitRegistry.ts';

export interface NodeDeps {
  facts: MachineFacts;
  bus: Bus;
  /** The stream of assignments. */
  assignments: EventLog;
  registry: UnitRegistry;
  leases: LeaseKeeper;
  reporter: Reporter;
  store: NodeStore;
  clock: Clock;
  ids: () => string;
  heartbeatMs?: number;
  /** How long another machine with the same id is waited out, ms. */
  refusalMs?: number;
  onError: (error: unknown) => void;
}

/** What the node's work has to know beside. */
interface NodeWork extends NodeDeps {
  /** The cluster has taken this start of the node for the machine. */
  joined: { is: boolean };
  /** It is about to end, and leaves its units to the next agent. */
  handingOver: { is: boolean };
  answerTimes: AnswerTimes;
  /** It is part of the cluster, and hears it. */
  isReady: () => boolean;
}

type NodeEvent =
  | { type: 'ASSIGNED'; assignment: Assignment }
  | { type: 'HEARD'; reply: HeartbeatReply }
  /** Nobody has answered for a while. */
  | { type: 'GONE_SILENT' }
  /** What is said of the machine has changed. */
  | { type: 'REJOIN' }
  | { type: 'STOP'; reason: string };

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

const disconnectedAfterMissed = 3;
const defaults = { heartbeatMs: 500, refusalMs: 10_000 };
const commandTimeoutMs = 60_000;
const leaveTimeoutMs = 1_500;
/** The successor of an agent that makes room is there within this long, ms. */
const backWithinMs = 15_000;
/** So long it is waited until somebody has heard of that, ms. */
const handOverMs = 500;
const retryMs = 500;

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
    join: fromPromise<void, { work: NodeWork; notBefore: number }>(({ input, signal }) =>
      join(input.work, input.notBefore, signal),
    ),
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
          // A cluster that says both "welcome" and "who are you?" is not asked all the time.
          input: ({ context: { work, joinedAt } }) => ({
            work,
            notBefore: (joinedAt ?? Number.NEGATIVE_INFINITY) + retryMs,
          }),
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

async function recover({ store, registry }: NodeDeps): Promise<void> {
  await registry.recover(await store.load());
}

/** Another machine with this id is alive, or Flotilla's versions do not fit: this node may not join. */
export class JoinRefusedError extends Error {
  override readonly name = 'JoinRefusedError';
}

/**
 * Resolves when the cluster has this machine. Waits for a leader as long as it takes; a refusal is waited out for some
 * time, because the leader may not have noticed yet that this machine was away.
 * @throws {JoinRefusedError}
 */
async function join(deps: NodeDeps, notBefore: number, signal: AbortSignal): Promise<void> {
  const { bus, clock, facts, ids, registry, refusalMs = defaults.refusalMs } = deps;
  let refusedSince: number | null = null;
  const waitMs = notBefore - clock.monotonicNow();
  if (waitMs > 0) await delay(clock, waitMs, signal);
  while (!signal.aborted) {
    const command = {
      type: 'JoinMachine',
      ...facts,
      cluster: registry.cluster,
      id: ids(),
      by: `node/${facts.machine}`,
    } as const;
    try {
      const reply = await sendCommand(command, { bus, clock, timeoutMs: commandTimeoutMs, attemptMs: 2_000, signal });
      if (reply.ok) return;
      refusedSince ??= clock.monotonicNow();
      if (clock.monotonicNow() - refusedSince >= refusalMs) throw new JoinRefusedError(describeRefusal(reply));
    } catch (error) {
      if (!(error instanceof NoLeaderError)) throw error;
      refusedSince = null;
    }
    await delay(clock, retryMs, signal);
  }
}

function describeRefusal({ message, details }: { message: string; details: string[] }): string {
  return [message, ...details].join('; ');
}

/**
 * Of assignments that come in together only the last one is read, for each says everything: a node that is slower than
 * the changes is not made slower still by those that are over. Should the last one be of a leader that was, heartbeats
 * tell that there is a newer one.
 */
function listen({ bus, clock, facts, onError }: NodeDeps, send: (event: NodeEvent) => void): () => void {
  let last: Uint8Array | null = null;
  let timer: unknown;
  const read = () => {
    const assignment = last && parseAssignment(last, onError);
    last = null;
    if (assignment?.session === facts.session) send({ type: 'ASSIGNED', assignment });
  };
  const subscription = bus.subscribe(subjects.assignment(facts.machine), ({ data }) => {
    if (last === null) timer = clock.setTimeout(read, 0);
    last = data;
  });
  return () => {
    subscription.unsubscribe();
    clock.clearTimeout(timer);
  };
}

function beat(deps: NodeWork, send: (event: NodeEvent) => void): () => void {
  const { bus, clock, facts, leases, registry, onError, heartbeatMs = defaults.heartbeatMs } = deps;
  return startHeartbeat({
    machine: facts.machine,
    bus,
    clock,
    intervalMs: heartbeatMs,
    beat: () => heartbeatOf(deps),
    times: deps.answerTimes,
    onNews: (listener) => {
      const ends = [registry.onGone(listener), bus.onConnectionChange((connected) => connected && listener())];
      return () => ends.forEach((end) => void end());
    },
    onReply: (reply, sentAt) => {
      if (reply.ok && reply.lease) leases.renew(sentAt);
      if (!isNoNews(deps, reply)) send({ type: 'HEARD', reply });
    },
    onMissed: (missed) => {
      if (missed >= disconnectedAfterMissed && deps.isReady()) send({ type: 'GONE_SILENT' });
    },
    onError,
  });
}

/** The answer of every idle half second, which changes nothing: the actor is not woken up for it. */
function isNoNews({ isReady, registry }: NodeWork, reply: HeartbeatReply): boolean {
  const isUpToDate = reply.ok && !reply.resync && reply.assignment === registry.version;
  return isUpToDate && (registry.isConfirmed || registry.version === 0) && isReady();
}

function heartbeatOf({ facts, registry, reporter, joined, handingOver }: NodeWork): Heartbeat {
  const { nodeKey, bootId } = facts;
  return {
    session: facts.session,
    assignment: registry.version,
    digest: reporter.digest(),
    held: registry.held(),
    leaving: registry.leaving(),
    ...(joined.is ? {} : { takesUp: { nodeKey, bootId } }),
    ...(handingOver.is ? { backWithinMs } : {}),
  };
}

/** Tells who leads that another agent of this machine is to be there soon. True: it has been heard in time. */
async function handOver(work: NodeWork): Promise<boolean> {
  const { bus, clock, facts } = work;
  work.handingOver.is = true;
  const ask = createAsker({ machine: facts.machine, bus });
  const telling = ask(heartbeatOf(work)).then(
    (reply) => reply?.ok === true,
    (error) => {
      work.onError(error);
      return false;
    },
  );
  return Promise.race([telling, delay(clock, handOverMs).then(() => false)]);
}

async function readAssignment({ assignments, facts, onError }: NodeDeps): Promise<Assignment | null> {
  const last = await assignments.last(subjects.assignment(facts.machine));
  const assignment = last && parseAssignment(last.data, onError);
  return assignment?.session === facts.session ? assignment : null;
}

/** A clean shutdown: everything stops, the log says so, and the cluster places the units elsewhere. */
async function drain(deps: NodeDeps, reason: string): Promise<void> {
  const { registry, reporter, store, bus, clock, facts, ids } = deps;
  await registry.drain(reason);
  store.save(() => registry.memory());
  await atMost(clock, leaveTimeoutMs, reporter.flush());
  const { machine, session } = facts;
  const command = { type: 'LeaveMachine', machine, session, reason, id: ids(), by: `node/${machine}` } as const;
  try {
    // Nobody leads while a whole cluster is shut down: then there is nobody to tell.
    await sendCommand(command, { bus, clock, timeoutMs: leaveTimeoutMs });
  } catch (error) {
    if (!(error instanceof NoLeaderError)) throw error;
  }
  await atMost(clock, leaveTimeoutMs, store.flush());
}

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
