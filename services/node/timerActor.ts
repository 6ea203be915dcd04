/**
 * One timer on this machine: systemd.timer(5). Its states are systemd's: it waits, its unit runs, or nothing is to come.
 * It elapses without the cluster, which is told of it and tells it to the machine that has the timer next.
 */
import { assign, createActor, fromPromise, setup } from 'xstate';
import type { Clock } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { TimerSpec } from '../../shared/domain/timer.ts';
import type { Result } from './policy/restart.ts';
import { delayOf, followsUnit, planTimer } from './policy/timerPlan.ts';
import type { TargetState } from './targets.ts';
import {
  activated,
  atFirst,
  isOver,
  isToStop,
  isUntested,
  leftOut,
  onGoals,
  resting,
  startedBy,
  startTriggeringUnit,
  type TriggerEvent,
  type TriggerInput,
  type TriggerWish,
  tested,
  testing,
  whileActive,
  wished,
} from './triggeringUnit.ts';
import type { TriggeringUnit, UnitHandlers, Variables } from './unit.ts';
import type { Failure } from './unitContext.ts';

export interface TimerInput extends TriggerInput {
  timer: TimerSpec;
  clock: Clock;
  /** When the machine was booted, on the monotonic clock, ms. */
  bootedAt: number;
  localZone: string;
  random: () => number;
  target: () => TargetState;
  /** Resolves when the next agent here would know what this timer tells now. */
  remembered: () => Promise<void>;
}

interface TimerContext extends TimerInput, TriggerWish {
  /** When it became active, and from when on it misses nothing: wall clock, ms since 1970. */
  since: number;
  watchedSince: number;
  last: number | null;
  /** Of `RandomizedDelaySec=`, for what comes next. */
  delayMs: number;
  /** On the monotonic clock, ms; null: nothing is to come. */
  dueAt: number | null;
  /** The same on the wall clock, as it was last told. */
  next: number | null;
  result: Result;
  reason: string;
}

/** So often it looks at the clock on the wall, which may be set, ms. */
const lookMs = 60_000;

function initialContext(input: TimerInput): TimerContext {
  const { assigned, rest, clock } = input;
  const now = clock.now();
  const resumed = rest?.active === 'active' ? rest.timer : undefined;
  const last = Math.max(assigned.timer?.last ?? 0, rest?.timer?.last ?? 0);
  const since = resumed?.since ?? assigned.timer?.since ?? now;
  return {
    ...input,
    retiring: false,
    ...atFirst(input),
    ...(resumed ? { reason: rest?.reason ?? '' } : {}),
    since,
    // What was wished while no agent ran is not missed; what elapsed on no machine is, unless it is persistent.
    watchedSince: resumed?.since ?? now,
    last: last === 0 ? null : last,
    delayMs: 0,
    dueAt: null,
    next: null,
  };
}

function planned(context: TimerContext): Partial<TimerContext> {
  const { clock, timer, since, watchedSince, last, bootedAt, delayMs, localZone } = context;
  const [now, monotonic] = [clock.now(), clock.monotonicNow()];
  const { startedAt, endedAt } = context.target();
  const age = (at: number | null) => (at === null ? null : monotonic - at);
  const ages = {
    active: now - since,
    boot: monotonic - bootedAt,
    unitActive: age(startedAt),
    unitInactive: age(endedAt),
  };
  const from = timer.persistent ? since : watchedSince;
  const wait = planTimer(timer, { now, since: from, last, ages, delayMs, localZone });
  if (wait === null) return { dueAt: null, next: null };
  // Two clocks are read for it: what differs by less than a second is the same time.
  const next =
    context.next !== null && Math.abs(context.next - now - wait) < 1_000 ? context.next : Math.round(now + wait);
  return { dueAt: monotonic + wait, next };
}

/** What starts it, or starts it anew, lets its time begin. */
function begunAnew(clock: Clock, wish: Partial<TriggerWish>): Partial<TimerContext> {
  const now = clock.now();
  return wish.startWished ? { ...wish, since: now, watchedSince: now } : wish;
}

/** What its unit is told: systemd.exec(5), `TRIGGER_UNIT`. Times in µs. */
function variablesOf({ assigned, clock, bootedAt }: TimerContext): Variables {
  const us = (ms: number) => String(Math.round(ms * 1000));
  return {
    TRIGGER_UNIT: assigned.name,
    TRIGGER_TIMER_REALTIME_USEC: us(clock.now()),
    TRIGGER_TIMER_MONOTONIC_USEC: us(clock.monotonicNow() - bootedAt),
  };
}

const timerMachine = setup({
  types: { input: {} as TimerInput, context: {} as TimerContext, events: {} as TriggerEvent },
  actors: {
    testConditions: fromPromise<Failure | null, TriggerInput>(({ input }) => tested(input)),
    remember: fromPromise<void, TimerInput>(({ input }) => input.remembered()),
  },
  guards: {
    isUntested,
    retiring: ({ context }) => context.retiring,
    startWished: ({ context }) => context.startWished,
    stopWished: ({ context }) => isToStop(context),
    nothingToCome: ({ context }) => context.dueAt === null,
    endsElapsed: ({ context }) =>
      context.dueAt === null && !context.timer.remainAfterElapse && !followsUnit(context.timer),
    due: ({ context }) => context.dueAt !== null && context.dueAt <= context.clock.monotonicNow(),
    targetOver: ({ context }) => isOver(context.target().active),
    followsUnit: ({ context }) => followsUnit(context.timer),
    failed: ({ context }) => context.result !== 'success',
  },
  delays: {
    due: ({ context }) => Math.min(lookMs, Math.max(0, (context.dueAt ?? 0) - context.clock.monotonicNow())),
  },
  actions: {
    setGoal: assign(({ context, event }) => begunAnew(context.clock, wished(context, event, false))),
    setGoalAtRest: assign(({ context, event }) => begunAnew(context.clock, wished(context, event, true))),
    activate: assign(({ context, event }) => begunAnew(context.clock, activated(context, event))),
    /** It has ended: nothing that another unit has started is left. */
    rest: assign({ activated: false }),
    retire: assign({ retiring: true, reason: ({ event }) => ('reason' in event ? event.reason : '') }),
    begin: assign({ startWished: false, result: 'success', reason: ({ context }) => startedBy(context) }),
    leaveOut: assign((_, { failure }: { failure: Failure | null }) => leftOut(failure)),
    drawDelay: assign({ delayMs: ({ context: { timer, assigned, random } }) => delayOf(timer, assigned.name, random) }),
    plan: assign(({ context }) => planned(context)),
    elapse: assign(({ context: { clock, dueAt } }) => {
      const late = clock.monotonicNow() - (dueAt ?? 0);
      // Rounding must not make the same moment come again.
      return { last: Math.max(clock.now(), Math.ceil(clock.now() - late)), dueAt: null, next: null };
    }),
    /** The unit's report comes back as an event, after this. */
    startUnit: assign(({ context }) => {
      const { timer, assigned, activate } = context;
      const problem = activate(timer.unit, `${assigned.name} elapsed`, variablesOf(context));
      if (problem !== null) return { result: 'resources' as const, reason: problem };
      return { reason: `started ${timer.unit}` };
    }),
  },
}).createMachine({
  id: 'timer',
  context: ({ input }) => initialContext(input),
  initial: 'inactive',
  on: onGoals,
  states: {
    inactive: resting,
    failed: { ...resting, entry: 'rest' },
    testing: testing('active'),
    active: {
      initial: 'drawing',
      exit: 'rest',
      always: whileActive,
      states: {
        drawing: { entry: 'drawDelay', always: 'waiting' },
        waiting: {
          entry: 'plan',
          always: [
            { guard: 'endsElapsed', target: '#timer.inactive' },
            { guard: 'nothingToCome', target: 'elapsed' },
          ],
          after: {
            due: [
              { guard: 'due', target: 'elapsing', actions: 'elapse' },
              { target: 'waiting', reenter: true },
            ],
          },
          on: { TARGET: { guard: 'followsUnit', target: 'waiting', reenter: true } },
        },
        // An agent that dies right after the start must not leave the same time to the next one.
        elapsing: {
          invoke: {
            src: 'remember',
            input: ({ context }) => context,
            onDone: { target: 'running', actions: 'startUnit' },
          },
        },
        running: {
          always: [
            { guard: 'failed', target: '#timer.failed' },
            { guard: 'targetOver', target: 'drawing' },
          ],
          on: { TARGET: { guard: 'targetOver', target: 'drawing' } },
        },
        elapsed: { on: { TARGET: { guard: 'followsUnit', target: 'waiting' } } },
      },
    },
    gone: { type: 'final' },
  },
});

type Snapshot = ReturnType<ReturnType<typeof createActor<typeof timerMachine>>['getSnapshot']>;

function reportOf({ value, context }: Snapshot): UnitReport {
  const { assigned, result, reason, since, last, next } = context;
  const sub =
    typeof value === 'string'
      ? { inactive: 'dead', failed: 'failed', testing: 'dead', gone: 'dead' }[value]
      : value.active === 'elapsing'
        ? 'running'
        : value.active;
  const isActive = typeof value !== 'string';
  const past = { ...(isActive ? { since } : {}), ...(last === null ? {} : { last }) };
  return {
    unit: assigned.name,
    hash: assigned.hash,
    load: 'loaded',
    active: isActive ? 'active' : value === 'failed' ? 'failed' : 'inactive',
    sub: sub ?? 'dead',
    result,
    goal: assigned.goal,
    reason,
    timer: { ...past, ...(isActive && next !== null ? { next } : {}) },
  };
}

/** Starts the actor of a timer. */
export function createTimer(input: TimerInput, handlers: UnitHandlers): TriggeringUnit {
  const actor = createActor(timerMachine, { input, clock: input.clock });
  const view = {
    reportOf,
    isGone: (snapshot: Snapshot) => snapshot.matches('gone'),
    isStopped: (snapshot: Snapshot) => !snapshot.matches('active'),
    isBeginning: (snapshot: Snapshot) => snapshot.matches('testing') || snapshot.matches({ active: 'elapsing' }),
  };
  return startTriggeringUnit<Snapshot>(actor, view, handlers);
}
