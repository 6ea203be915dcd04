/** What timers, paths and sockets have in common: goals reach them, other units start them, and they start others. */
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import type { Standing } from './policy/ordering.ts';
import type { Result } from './policy/restart.ts';
import type { TargetState } from './targets.ts';
import type { TriggeringUnit, UnitHandlers, Variables } from './unit.ts';
import type { Failure } from './unitContext.ts';

export type TriggerEvent =
  | { type: 'SET_GOAL'; assigned: AssignedUnit }
  | { type: 'RETIRE'; reason: string }
  /** Another unit starts it. */
  | { type: 'ACTIVATE'; reason: string }
  /** The unit that it starts has changed its state. */
  | { type: 'TARGET' };

/** What every one of them is given. */
export interface TriggerInput {
  assigned: AssignedUnit;
  /** How it was when an earlier agent of the same boot ended. */
  rest: UnitReport | null;
  /** Tests its conditions and asserts: what becomes of the start, or null. Null: it has none. */
  conditions: (() => Promise<Failure | null>) | null;
  /** Starts the unit, whose commands are told something; returns why that is not possible, or null. */
  activate: (unit: string, reason: string, told: Variables) => string | null;
}

/** What is wished of one of them. */
export interface TriggerWish {
  assigned: AssignedUnit;
  retiring: boolean;
  startWished: boolean;
  /** Another unit has started it, though it is only loaded: it is active until it ends or is told to stop. */
  activated: boolean;
}

interface TriggerSnapshot {
  value: unknown;
  context: TriggerWish & { result: string };
}

/** An xstate actor, as far as it is needed here. */
interface TriggerActor<Snapshot extends TriggerSnapshot> {
  getSnapshot(): Snapshot;
  subscribe(observer: { next(snapshot: Snapshot): void; complete(): void }): unknown;
  start(): unknown;
  stop(): unknown;
  send(event: TriggerEvent): void;
}

interface View<Snapshot> {
  reportOf(snapshot: Snapshot): UnitReport;
  isGone(snapshot: Snapshot): boolean;
  isStopped(snapshot: Snapshot): boolean;
  /** Not to be told yet. */
  isBeginning?(snapshot: Snapshot): boolean;
  onAbandon?(): void;
}

/** Starts the actor; each report that differs from the one before is handed on. */
export function startTriggeringUnit<Snapshot extends TriggerSnapshot>(
  actor: TriggerActor<Snapshot>,
  { reportOf, isGone, isStopped, isBeginning = () => false, onAbandon = () => undefined }: View<Snapshot>,
  handlers: UnitHandlers,
): TriggeringUnit {
  let last = '';
  actor.subscribe({
    next: (snapshot) => {
      if (isGone(snapshot) || isBeginning(snapshot)) return;
      const report = reportOf(snapshot);
      const text = JSON.stringify(report);
      if (text !== last) handlers.onReport(report);
      last = text;
    },
    complete: () => {
      if (isGone(actor.getSnapshot())) handlers.onGone();
    },
  });
  actor.start();
  return {
    announcements: [],
    service: null,
    get assigned() {
      return actor.getSnapshot().context.assigned;
    },
    get retiring() {
      return actor.getSnapshot().context.retiring;
    },
    get stopped() {
      return isStopped(actor.getSnapshot());
    },
    report: () => reportOf(actor.getSnapshot()),
    standing: () => standingOf(actor.getSnapshot(), reportOf(actor.getSnapshot())),
    // It starts and stops without waiting for others.
    setGate: () => undefined,
    mayBeUpheld: false,
    uphold: () => undefined,
    // It runs no commands.
    ended: () => [],
    setGoal: (assigned) => actor.send({ type: 'SET_GOAL', assigned }),
    retire: (reason) => actor.send({ type: 'RETIRE', reason }),
    targetChanged: () => actor.send({ type: 'TARGET' }),
    activate: (reason) => actor.send({ type: 'ACTIVATE', reason }),
    // It holds no lease.
    suspend: () => undefined,
    resume: () => undefined,
    expel: () => undefined,
    abandon() {
      actor.stop();
      onAbandon();
    },
  };
}

const phases: Record<ActiveState, Standing['phase']> = {
  inactive: 'down',
  failed: 'down',
  activating: 'starting',
  active: 'up',
  reloading: 'up',
  deactivating: 'stopping',
};

/** How it stands, for those that have to do with it. */
function standingOf({ value, context }: TriggerSnapshot, { active, sub, result }: UnitReport): Standing {
  const phase = value === 'testing' ? 'starting' : phases[active];
  const isOk = result === 'success' || result === 'condition';
  const wish = isToStop(context) ? 'stop' : !context.startWished ? null : phase === 'down' ? 'start' : 'restart';
  const outcome = !isLaunched(context) ? 'none' : isOk ? 'success' : 'failure';
  return { phase, outcome, wish, state: `${active} (${sub})` };
}

/** What the charts have in common: how goals reach them, how they rest, and how they leave what they are at. */
export const onGoals = { SET_GOAL: { actions: 'setGoal' }, RETIRE: { actions: 'retire' } } as const;
export const atRest = { SET_GOAL: { actions: 'setGoalAtRest' }, ACTIVATE: { actions: 'activate' } } as const;
export const resting = {
  on: atRest,
  always: [
    { guard: 'retiring', target: 'gone' },
    { guard: 'startWished', target: 'testing', actions: 'begin' },
  ],
} as const;
export const whileActive = [
  { guard: 'stopWished', target: 'inactive' },
  { guard: 'startWished', target: 'testing', actions: 'begin' },
] as const;

/** Whether its conditions are met: systemd.unit(5). What is unmet leaves it inactive, as it does a service. */
export async function tested({ conditions }: TriggerInput): Promise<Failure | null> {
  return (await conditions?.()) ?? null;
}
/** It has none; or an earlier agent started it, and this one goes on as if it had not been away. */
export const isUntested = ({ context: { conditions, rest, assigned } }: { context: TriggerInput }) =>
  conditions === null || (rest?.active === 'active' && rest.goal === assigned.goal);
const isUnmet = ({ event }: { event: { output: Failure | null } }) => event.output !== null;

/** The state in which that is looked at; goes on to `active`. Needs what stands here under these names. */
export function testing<const Active extends string>(active: Active) {
  return {
    always: [
      { guard: 'stopWished', target: 'inactive' },
      { guard: 'isUntested', target: active },
    ],
    invoke: {
      src: 'testConditions',
      input: ({ context }: { context: TriggerInput }) => context,
      onDone: [
        {
          guard: isUnmet,
          target: 'inactive',
          actions: {
            type: 'leaveOut',
            params: ({ event }: { event: { output: Failure | null } }) => ({ failure: event.output }),
          },
        },
        { target: active },
      ],
    },
  } as const;
}

/** What becomes of a start that is left out. */
export function leftOut(
  failure: Failure | null,
): { result: Result; reason: string; activated: boolean } | Record<string, never> {
  return failure === null ? {} : { result: failure.result, reason: failure.reason, activated: false };
}

interface TriggerStart {
  startWished: boolean;
  activated: boolean;
  result: Result;
  reason: string;
}

/**
 * How it is as an agent begins: what conditions have left out stays so, anything else is started where that is wished, or
 * where another unit had started it.
 */
export function atFirst({ assigned, rest }: TriggerInput): TriggerStart {
  const { active, result, goal, reason = '' } = rest ?? {};
  const isLaunched = assigned.desired === 'launched';
  const isSameGoal = goal === assigned.goal;
  const isLeftOut = result === 'condition' || result === 'assert';
  if (isLeftOut && isSameGoal) return { startWished: false, activated: false, result, reason };
  const activated = !isLaunched && isSameGoal && active === 'active';
  return { startWished: isLaunched || activated, activated, result: 'success', reason: activated ? reason : '' };
}

/** It is to be active: the cluster wishes it, or another unit started it. */
export function isLaunched({ assigned, activated }: TriggerWish): boolean {
  return assigned.desired === 'launched' || activated;
}

export function isToStop(context: TriggerWish): boolean {
  return context.retiring || !isLaunched(context);
}

/** Another unit starts it. */
export function activated(
  { assigned }: TriggerWish,
  event: { type: string; reason?: string },
): { startWished?: boolean; activated?: boolean; reason?: string } {
  if (event.type !== 'ACTIVATE') return {};
  return { startWished: true, activated: assigned.desired !== 'launched', reason: event.reason ?? '' };
}

/** In words, why it begins. */
export function startedBy({ activated: isActivated, reason }: { activated: boolean; reason: string }): string {
  return isActivated ? reason : 'started';
}

/**
 * What a new goal wishes. It starts what was not to run before, or is to begin anew, or (`isAtRest`) has ended and is
 * wished again; what another unit had started is not started twice.
 */
export function wished(
  context: TriggerWish,
  event: { type: string; assigned?: AssignedUnit },
  isAtRest: boolean,
): Partial<TriggerWish> {
  const { assigned: next } = event;
  if (next === undefined) return {};
  const { assigned: before } = context;
  const isNew = next.goal > before.goal;
  const isWishedAgain = next.restart > before.restart || (isAtRest && isNew);
  const startWished = next.desired === 'launched' && (!isLaunched(context) || isWishedAgain);
  return { assigned: next, startWished, activated: context.activated && !isNew };
}

/** Of the unit that it starts: it may be started again. */
export function isOver(active: ActiveState): boolean {
  return active === 'inactive' || active === 'failed';
}

/** It was started so often that it is not started any more: what would start it for ever gives up. */
export function isLimited({ active, result }: TargetState): boolean {
  return isOver(active) && result === 'start-limit-hit';
}

interface TriggerAttempt {
  /** The unit that is started, and the words for why. */
  unit: string;
  because: string;
  /** `TriggerLimitIntervalSec=` and `TriggerLimitBurst=`, and the monotonic times of the last starts, ms. */
  limit: { intervalMs: number; burst: number };
  starts: readonly number[];
  now: number;
  /** Starts it; returns why that is not possible, or null. */
  activate(): string | null;
}

interface TriggerOutcome {
  result: 'success' | 'resources' | 'trigger-limit-hit';
  starts: number[];
  reason: string;
}

/** Starts the unit, unless it was started too often of late. */
export function triggerWithin({ unit, because, limit, starts, now, activate }: TriggerAttempt): TriggerOutcome {
  const recent = starts.filter((at) => now - at < limit.intervalMs);
  if (limit.burst > 0 && recent.length >= limit.burst) {
    const reason = `it started ${unit} ${recent.length} times within its limit`;
    return { result: 'trigger-limit-hit', starts: recent, reason };
  }
  const problem = activate();
  if (problem !== null) return { result: 'resources', starts: recent, reason: problem };
  return { result: 'success', starts: [...recent, now], reason: because };
}
