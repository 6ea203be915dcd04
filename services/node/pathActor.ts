/**
 * One path unit on this machine: systemd.path(5). It looks at its paths whenever something may have happened to them, and
 * again when its unit has ended: what happened meanwhile starts the unit again.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import { type Clock, delay } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { PathSpec } from '../../shared/domain/path.ts';
import { look, makeDirectories, type Sighting, watchPaths } from './pathWatch.ts';
import type { Result } from './policy/restart.ts';
import type { TargetState } from './targets.ts';
import {
  activated,
  atFirst,
  isLimited,
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
  triggerWithin,
  whileActive,
  wished,
} from './triggeringUnit.ts';
import type { TriggeringUnit, UnitHandlers } from './unit.ts';
import type { Failure } from './unitContext.ts';

export interface PathInput extends TriggerInput {
  path: PathSpec;
  clock: Clock;
  target: () => TargetState;
}

interface PathContext extends PathInput, TriggerWish {
  /** What was last seen of each path that is watched for changes; null: nothing yet. */
  seen: string[] | null;
  /** Something has happened since it last began to look. */
  isStale: boolean;
  /** The path that starts the unit. */
  found: string | null;
  /** Monotonic times of the last starts, ms. */
  starts: number[];
  result: Result | 'trigger-limit-hit' | 'unit-start-limit-hit';
  reason: string;
}

type PathEvent =
  | TriggerEvent
  /** Something has happened to a path. */
  | { type: 'CHANGED' };

interface Finding {
  seen: string[];
  found: string | null;
}

/** File systems that tell nothing are looked at so often, ms. */
const lookMs = 10_000;
/** A file that is being written is let be until it has been the same for so long, ms. */
const settleMs = 100;

async function lookAtAll({ path, seen, clock }: PathContext): Promise<Finding> {
  const sightings = await Promise.all(path.triggers.map(look));
  const isOther = (each: number) => seen !== null && seen[each] !== sightings[each]?.state;
  const written = path.triggers.map(({ kind }, each) => kind === 'PathChanged' && isOther(each));
  const unfinished = written.includes(true) ? await stillChanging(path, sightings, clock) : [];
  const index = sightings.findIndex(({ isThere }, each) => isThere || (isOther(each) && !unfinished[each]));
  const states = sightings.map(({ state }, each) => (written[each] && unfinished[each] ? (seen?.[each] ?? '') : state));
  return { seen: states, found: sightings[index]?.match ?? path.triggers[index]?.path ?? null };
}

/** `PathChanged=` is for files that have been written, not for each write: systemd waits until they are closed. */
async function stillChanging({ triggers }: PathSpec, before: readonly Sighting[], clock: Clock): Promise<boolean[]> {
  await delay(clock, settleMs);
  const now = await Promise.all(triggers.map(look));
  return triggers.map(({ kind }, each) => kind === 'PathChanged' && now[each]?.state !== before[each]?.state);
}

function triggered(context: PathContext): Partial<PathContext> {
  const { clock, path, assigned, found, starts, activate } = context;
  const told = { TRIGGER_UNIT: assigned.name, ...(found === null ? {} : { TRIGGER_PATH: found }) };
  return triggerWithin({
    unit: path.unit,
    because: `started ${path.unit} because of ${found}`,
    limit: path.limit,
    starts,
    now: clock.monotonicNow(),
    activate: () => activate(path.unit, `${assigned.name}: ${found}`, told),
  });
}

const reasonOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const pathMachine = setup({
  types: { input: {} as PathInput, context: {} as PathContext, events: {} as PathEvent },
  actors: {
    testConditions: fromPromise<Failure | null, TriggerInput>(({ input }) => tested(input)),
    prepare: fromPromise<void, PathSpec>(({ input }) =>
      input.makeDirectory ? makeDirectories(input.triggers, input.directoryMode) : Promise.resolve(),
    ),
    look: fromPromise<Finding, PathContext>(({ input }) => lookAtAll(input)),
    watch: fromCallback<PathEvent, PathSpec>(({ input, sendBack }) =>
      watchPaths(input.triggers, () => sendBack({ type: 'CHANGED' })),
    ),
  },
  guards: {
    isUntested,
    retiring: ({ context }) => context.retiring,
    startWished: ({ context }) => context.startWished,
    stopWished: ({ context }) => isToStop(context),
    failed: ({ context }) => context.result !== 'success',
    stale: ({ context }) => context.isStale,
    targetOver: ({ context }) => isOver(context.target().active),
    targetLimited: ({ context }) => isLimited(context.target()),
  },
  delays: { lookMs, settleMs },
  actions: {
    setGoal: assign(({ context, event }) => wished(context, event, false)),
    setGoalAtRest: assign(({ context, event }) => wished(context, event, true)),
    activate: assign(({ context, event }) => activated(context, event)),
    /** It has ended: nothing that another unit has started is left. */
    rest: assign({ activated: false }),
    retire: assign({ retiring: true, reason: ({ event }) => ('reason' in event ? event.reason : '') }),
    begin: assign({
      startWished: false,
      seen: null,
      starts: [],
      result: 'success',
      reason: ({ context }) => startedBy(context),
    }),
    leaveOut: assign((_, { failure }: { failure: Failure | null }) => leftOut(failure)),
    look: assign({ isStale: false }),
    turnStale: assign({ isStale: true }),
    note: assign((_, finding: Finding) => finding),
    trigger: assign(({ context }) => triggered(context)),
    giveUp: assign({
      result: 'unit-start-limit-hit',
      reason: ({ context }) => `${context.path.unit} was started too often`,
    }),
    fail: assign((_, { error }: { error: unknown }) => ({ result: 'resources' as const, reason: reasonOf(error) })),
  },
}).createMachine({
  id: 'path',
  context: ({ input }) => ({
    ...input,
    retiring: false,
    ...atFirst(input),
    seen: null,
    isStale: false,
    found: null,
    starts: [],
  }),
  initial: 'inactive',
  on: onGoals,
  states: {
    inactive: resting,
    failed: { ...resting, entry: 'rest' },
    testing: testing('active'),
    active: {
      initial: 'preparing',
      exit: 'rest',
      always: whileActive,
      states: {
        preparing: {
          invoke: {
            src: 'prepare',
            input: ({ context }) => context.path,
            onDone: 'watching',
            onError: {
              target: '#path.failed',
              actions: { type: 'fail', params: ({ event }) => ({ error: event.error }) },
            },
          },
        },
        /** What happens from here on is told; what happened before is looked for. */
        watching: {
          invoke: { src: 'watch', input: ({ context }) => context.path },
          initial: 'looking',
          states: {
            // Not broken off: of a file that is always being written it would never come to an end.
            looking: {
              entry: 'look',
              on: { CHANGED: { actions: 'turnStale' } },
              invoke: {
                src: 'look',
                input: ({ context }) => context,
                onDone: [
                  {
                    guard: ({ event }) => event.output.found !== null,
                    target: '#path.active.running',
                    actions: [{ type: 'note', params: ({ event }) => event.output }, 'trigger'],
                  },
                  { target: 'waiting', actions: { type: 'note', params: ({ event }) => event.output } },
                ],
              },
            },
            waiting: {
              always: { guard: 'stale', target: '#path.active.rewatching' },
              on: { CHANGED: '#path.active.rewatching' },
              after: { lookMs: 'looking' },
            },
          },
        },
        /** A moment later it is watched anew: directories on the way may have come or gone. */
        rewatching: { after: { settleMs: 'watching' } },
        running: {
          always: [
            { guard: 'failed', target: '#path.failed' },
            { guard: 'targetLimited', target: '#path.failed', actions: 'giveUp' },
            { guard: 'targetOver', target: 'watching' },
          ],
          on: { TARGET: { guard: 'targetOver', target: 'watching' } },
        },
      },
    },
    gone: { type: 'final' },
  },
});

type Snapshot = ReturnType<ReturnType<typeof createActor<typeof pathMachine>>['getSnapshot']>;

function reportOf(snapshot: Snapshot): UnitReport {
  const { assigned, result, reason } = snapshot.context;
  const isActive = snapshot.matches('active');
  const resting = snapshot.matches('failed') ? 'failed' : 'inactive';
  const sub = snapshot.matches({ active: 'running' }) ? 'running' : 'waiting';
  return {
    unit: assigned.name,
    hash: assigned.hash,
    load: 'loaded',
    active: isActive ? 'active' : resting,
    sub: isActive ? sub : resting === 'failed' ? 'failed' : 'dead',
    result,
    goal: assigned.goal,
    reason,
  };
}

/** Starts the actor of a path unit. */
export function createPath(input: PathInput, handlers: UnitHandlers): TriggeringUnit {
  const actor = createActor(pathMachine, { input, clock: input.clock });
  const view = {
    reportOf,
    isGone: (snapshot: Snapshot) => snapshot.matches('gone'),
    isStopped: (snapshot: Snapshot) => !snapshot.matches('active'),
    // It is active as soon as nothing that happens is missed any more.
    isBeginning: (snapshot: Snapshot) =>
      snapshot.matches('testing') || (snapshot.matches('active') && snapshot.context.seen === null),
  };
  return startTriggeringUnit<Snapshot>(actor, view, handlers);
}
