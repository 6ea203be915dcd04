/**
 * One socket unit on this machine: systemd.socket(5). Its sockets are open from its start to its stop, whatever becomes of
 * the agent and of the service, which is started when somebody calls.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import type { Clock } from '../../shared/clock/clock.ts';
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';
import type { SocketSpec } from '../../shared/domain/socket.ts';
import type { Result } from './policy/restart.ts';
import type { HeldSockets, SocketHolder } from './sockets/socketHolder.ts';
import type { TargetState } from './targets.ts';
import {
  activated,
  atFirst,
  atRest,
  isLimited,
  isOver,
  isToStop,
  isUntested,
  leftOut,
  onGoals,
  startedBy,
  startTriggeringUnit,
  type TriggerEvent,
  type TriggerInput,
  type TriggerWish,
  tested,
  testing,
  triggerWithin,
  wished,
} from './triggeringUnit.ts';
import type { TriggeringUnit, UnitHandlers } from './unit.ts';
import type { Failure } from './unitContext.ts';

export interface SocketInput extends TriggerInput {
  socket: SocketSpec;
  clock: Clock;
  holder: SocketHolder;
  target: () => TargetState;
}

interface SocketContext extends SocketInput, TriggerWish {
  /** Monotonic times of the last starts, ms. */
  starts: number[];
  result: Result | 'trigger-limit-hit' | 'service-start-limit-hit';
  reason: string;
}

type SocketEvent =
  | TriggerEvent
  /** Somebody calls. */
  | { type: 'READY' }
  /** The holder has gone, and the sockets with it. */
  | { type: 'LOST' };

function triggered(context: SocketContext): Partial<SocketContext> {
  const { clock, socket, assigned, starts, activate } = context;
  return triggerWithin({
    unit: socket.unit,
    because: `somebody called: started ${socket.unit}`,
    limit: socket.limit,
    starts,
    now: clock.monotonicNow(),
    activate: () => activate(socket.unit, `${assigned.name}: somebody calls`, {}),
  });
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const fail = { type: 'fail', params: ({ event }: { event: { error: unknown } }) => ({ error: event.error }) } as const;

const closed = {
  on: atRest,
  always: [
    // What an earlier agent left may still hold them.
    { guard: 'retiring', target: 'leaving' },
    { guard: 'startWished', target: 'testing', actions: 'begin' },
  ],
} as const;

const socketMachine = setup({
  types: { input: {} as SocketInput, context: {} as SocketContext, events: {} as SocketEvent },
  actors: {
    testConditions: fromPromise<Failure | null, TriggerInput>(({ input }) => tested(input)),
    hold: fromCallback<SocketEvent, SocketHolder>(({ input, sendBack }) => {
      input.onReady = () => sendBack({ type: 'READY' });
      input.onLost = () => sendBack({ type: 'LOST' });
    }),
    open: fromPromise<void, SocketHolder>(({ input }) => input.open()),
    close: fromPromise<void, SocketHolder>(({ input }) => input.end()),
  },
  guards: {
    isUntested,
    retiring: ({ context }) => context.retiring,
    startWished: ({ context }) => context.startWished,
    stopWished: ({ context }) => isToStop(context) || context.startWished || context.result !== 'success',
    failed: ({ context }) => context.result !== 'success',
    targetOver: ({ context }) => isOver(context.target().active),
    targetLimited: ({ context }) => isLimited(context.target()),
    targetRuns: ({ context }) => context.target().sub === 'running',
  },
  actions: {
    setGoal: assign(({ context, event }) => wished(context, event, false)),
    setGoalAtRest: assign(({ context, event }) => wished(context, event, true)),
    activate: assign(({ context, event }) => activated(context, event)),
    /** It has ended: nothing that another unit has started is left. */
    rest: assign({ activated: false }),
    retire: assign({ retiring: true, reason: ({ event }) => ('reason' in event ? event.reason : '') }),
    begin: assign({ startWished: false, starts: [], result: 'success', reason: ({ context }) => startedBy(context) }),
    leaveOut: assign((_, { failure }: { failure: Failure | null }) => leftOut(failure)),
    watch: ({ context }) => context.holder.watch(),
    trigger: assign(({ context }) => triggered(context)),
    giveUp: assign({
      result: 'service-start-limit-hit',
      reason: ({ context }) => `${context.socket.unit} was started too often`,
    }),
    lose: assign({ result: 'resources', reason: 'the process that held the sockets has gone' }),
    fail: assign((_, { error }: { error: unknown }) => ({ result: 'resources' as const, reason: reasonOf(error) })),
  },
}).createMachine({
  id: 'socket',
  context: ({ input }) => ({
    ...input,
    retiring: false,
    ...atFirst(input),
    starts: [],
  }),
  initial: 'inactive',
  invoke: { src: 'hold', input: ({ context }) => context.holder },
  on: onGoals,
  states: {
    inactive: closed,
    failed: { ...closed, entry: 'rest' },
    testing: testing('opening'),
    opening: {
      invoke: {
        src: 'open',
        input: ({ context }) => context.holder,
        onDone: 'active',
        onError: { target: 'failed', actions: fail },
      },
    },
    active: {
      initial: 'listening',
      exit: 'rest',
      always: { guard: 'stopWished', target: 'closing' },
      on: { LOST: { actions: 'lose' } },
      states: {
        listening: {
          entry: 'watch',
          always: { guard: 'targetRuns', target: 'running' },
          on: { READY: { target: 'running', actions: 'trigger' }, TARGET: { guard: 'targetRuns', target: 'running' } },
        },
        running: {
          always: [
            { guard: 'targetLimited', target: '#socket.closing', actions: 'giveUp' },
            { guard: 'targetOver', target: 'listening' },
          ],
          on: { TARGET: { guard: 'targetOver', target: 'listening' } },
        },
      },
    },
    closing: {
      invoke: {
        src: 'close',
        input: ({ context }) => context.holder,
        onDone: [{ guard: 'failed', target: 'failed' }, { target: 'inactive' }],
        onError: { target: 'failed', actions: fail },
      },
    },
    leaving: {
      invoke: { src: 'close', input: ({ context }) => context.holder, onDone: 'gone', onError: 'gone' },
    },
    gone: { type: 'final' },
  },
});

type Snapshot = ReturnType<ReturnType<typeof createActor<typeof socketMachine>>['getSnapshot']>;

function statesOf(snapshot: Snapshot): [ActiveState, string] {
  if (snapshot.matches('failed')) return ['failed', 'failed'];
  if (snapshot.matches('opening')) return ['activating', 'start-pre'];
  if (snapshot.matches('closing')) return ['deactivating', 'stop-pre'];
  if (snapshot.matches({ active: 'running' })) return ['active', 'running'];
  return snapshot.matches('active') ? ['active', 'listening'] : ['inactive', 'dead'];
}

function reportOf(snapshot: Snapshot): UnitReport {
  const { assigned, result, reason } = snapshot.context;
  const [active, sub] = statesOf(snapshot);
  const { name: unit, hash, goal } = assigned;
  return { unit, hash, load: 'loaded', active, sub, result, goal, reason };
}

export interface SocketUnit extends TriggeringUnit {
  /** Of the process that holds its sockets, open or not. */
  readonly control: string;
  /** What its service is handed; null while nothing is open. */
  held(): HeldSockets | null;
}

/** Starts the actor of a socket unit. */
export function createSocket(input: SocketInput, handlers: UnitHandlers): SocketUnit {
  const { holder, clock } = input;
  const actor = createActor(socketMachine, { input, clock });
  const view = {
    reportOf,
    isGone: (snapshot: Snapshot) => snapshot.matches('gone'),
    isStopped: ({ value }: Snapshot) => value === 'inactive' || value === 'failed' || value === 'gone',
    onAbandon: () => holder.release(),
  };
  const unit = startTriggeringUnit<Snapshot>(actor, view, handlers);
  const held = () => (actor.getSnapshot().matches('active') ? holder.held : null);
  return Object.assign(unit, { control: holder.held.control, held });
}
