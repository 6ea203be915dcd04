/** What timers, paths and sockets have in common: the cluster alone starts and stops them, and they start other units. */
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import type { Result } from './policy/restart.ts';
import type { TriggeringUnit, UnitHandlers } from './unit.ts';
import type { Failure } from './unitContext.ts';

export type TriggerEvent =
  | { type: 'SET_GOAL'; assigned: AssignedUnit }
  | { type: 'RETIRE'; reason: string }
  /** The unit that it starts has changed its state. */
  | { type: 'TARGET' };

/** What every one of them is given. */
export interface TriggerInput {
  assigned: AssignedUnit;
  /** How it was when an earlier agent of the same boot ended. */
  rest: UnitReport | null;
  /** Tests its conditions and asserts: what becomes of the start, or null. Null: it has none. */
  conditions: (() => Promise<Failure | null>) | null;
  /** Starts the unit; returns why that is not possible, or null. */
  activate: (unit: string, reason: string) => string | null;
}

interface TriggerSnapshot {
  context: { assigned: AssignedUnit; retiring: boolean };
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
    // It runs no commands.
    ended: () => [],
    setGoal: (assigned) => actor.send({ type: 'SET_GOAL', assigned }),
    retire: (reason) => actor.send({ type: 'RETIRE', reason }),
    targetChanged: () => actor.send({ type: 'TARGET' }),
    // It is started by the cluster alone, and holds no lease.
    activate: () => undefined,
    suspend: () => undefined,
    resume: () => undefined,
    expel: () => undefined,
    abandon() {
      actor.stop();
      onAbandon();
    },
  };
}

/** What the charts have in common: how goals reach them, how they rest, and how they leave what they are at. */
export const onGoals = { SET_GOAL: { actions: 'setGoal' }, RETIRE: { actions: 'retire' } } as const;
export const resting = {
  on: { SET_GOAL: { actions: 'setGoalAtRest' } },
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

/** The result and the words of a start that was left out. */
export function leftOut(failure: Failure | null): { result: Result; reason: string } | Record<string, never> {
  return failure === null ? {} : { result: failure.result, reason: failure.reason };
}

/** How it is as an agent begins: what conditions have left out stays so, anything else is started where that is wished. */
export function atFirst({ assigned, rest }: TriggerInput): { startWished: boolean; result: Result; reason: string } {
  const { result, goal, reason = '' } = rest ?? {};
  const isLeftOut = result === 'condition' || result === 'assert';
  if (isLeftOut && goal === assigned.goal) return { startWished: false, result, reason };
  return { startWished: assigned.desired === 'launched', result: 'success', reason: '' };
}

/** Whether a new goal starts it: it was not to run before, or is to begin anew, or (`isAtRest`) has ended and is wished again. */
export function startsAnew(before: AssignedUnit, { desired, restart, goal }: AssignedUnit, isAtRest: boolean): boolean {
  const isWishedAgain = restart > before.restart || (isAtRest && goal > before.goal);
  return desired === 'launched' && (before.desired !== 'launched' || isWishedAgain);
}

/** Of a path or a socket that is told a goal. */
export function wished(
  { assigned: before }: { assigned: AssignedUnit },
  event: { type: string; assigned?: AssignedUnit },
  isAtRest: boolean,
): { assigned?: AssignedUnit; startWished?: boolean } {
  const { assigned } = event;
  return assigned === undefined ? {} : { assigned, startWished: startsAnew(before, assigned, isAtRest) };
}

/** Of the unit that it starts: it may be started again. */
export function isOver(active: ActiveState): boolean {
  return active === 'inactive' || active === 'failed';
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
