/**
 * One unit on this machine. Its states are those of a service in systemd (systemd.service(5), `systemctl status`), and
 * it only moves towards its goal: what is wished stands in the context, and the states' `always` transitions follow it.
 */
import { assign, createActor, fromCallback, fromPromise, type SnapshotFrom, setup, stopChild } from 'xstate';
import type { Clock } from '../../shared/clock/clock.ts';
import { delay } from '../../shared/clock/clock.ts';
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { type Result, recentStarts, restarts, resultOf, startLimitHit } from './policy/restart.ts';
import { type Exit, type MainProcess, StartError } from './runtime/runtime.ts';
import {
  type CommandsOutcome,
  describeExit,
  type Runtimes,
  resolveCommand,
  runCommands,
  runtimeFor,
} from './unitCommands.ts';
import { controlEnvironment, unitEnvironment } from './unitEnvironment.ts';

export interface UnitInput {
  assigned: AssignedUnit;
  spec: UnitSpec & { service: ServiceSpec };
  runtimes: Runtimes;
  clock: Clock;
  /** What an earlier agent left: a main process, running or ended. */
  adopted: MainProcess | null;
  /** How the unit was at rest when an earlier agent ended; it stays so. */
  rest: UnitReport | null;
}

interface UnitContext extends Omit<UnitInput, 'rest' | 'adopted'> {
  retiring: boolean;
  /** A start was wished since the unit was last started. */
  startWished: boolean;
  restartWished: boolean;
  main: MainProcess | null;
  /** Which of the ExecStart commands runs (a oneshot has several). */
  mainIndex: number;
  result: Result;
  exit: Exit | null;
  reason: string;
  /** Monotonic times of the last starts, ms. */
  starts: number[];
  restarts: number;
}

type UnitEvent =
  | { type: 'SET_GOAL'; assigned: AssignedUnit }
  /** Stop for good and clean up. */
  | { type: 'RETIRE'; reason: string }
  | { type: 'MAIN_EXITED'; exit: Exit };

type ControlList = 'execCondition' | 'execStartPre' | 'execStartPost' | 'execStop' | 'execStopPost';

/** setTimeout's largest delay stands for infinity: 24 days. */
const infinityMs = 2_147_483_647;
const engineRetryMs = 1_000;

/** The token that a start now carries: of its placement, or of the restart that was asked for since. */
const startToken = ({ token, restart }: AssignedUnit) => Math.max(token, restart);

const unitSetup = setup({
  types: {
    input: {} as UnitInput,
    context: {} as UnitContext,
    events: {} as UnitEvent,
  },
  actors: {
    runList: fromPromise<CommandsOutcome, { context: UnitContext; list: ControlList }>(({ input, signal }) =>
      runList(input.context, input.list, signal),
    ),
    awaitEngine: fromPromise<void, UnitContext>(({ input, signal }) => awaitEngine(input, signal)),
    startMain: fromPromise<MainProcess, UnitContext>(({ input }) => startMain(input)),
    watchMain: fromCallback<UnitEvent, MainProcess | null>(({ input, sendBack }) => {
      let watching = true;
      void input?.exited.then((exit) => {
        if (watching) sendBack({ type: 'MAIN_EXITED', exit });
      });
      return () => {
        watching = false;
      };
    }),
    signalUnit: fromPromise<void, { context: UnitContext; signal: string; force: boolean }>(({ input }) =>
      signalUnit(input.context, input.signal, input.force),
    ),
    cleanUp: fromPromise<void, UnitContext>(({ input }) => cleanUp(input)),
  },
  guards: {
    startWished: ({ context }) => !context.retiring && context.startWished,
    stopWished: ({ context }) => context.retiring || context.restartWished || context.assigned.desired !== 'launched',
    retiring: ({ context }) => context.retiring,
    wishedAgain: ({ context }) => context.restartWished || context.startWished,
    autoRestarts: ({ context }) =>
      context.assigned.desired === 'launched' && restarts(context.spec.service, context.result, context.exit),
    limitHit: ({ context }) =>
      startLimitHit(context.starts, context.clock.monotonicNow(), context.spec.service.startLimit),
    failed: ({ context }) => context.result !== 'success' && context.result !== 'exec-condition',
    adopted: ({ context }) => context.main !== null,
    adoptedOneshot: ({ context }) => context.main !== null && context.spec.service.type === 'oneshot',
    oneshot: ({ context }) => context.spec.service.type === 'oneshot',
    /** A oneshot may have nothing but ExecStop=. */
    nothingToStart: ({ context }) => context.spec.service.execStart.length === 0,
    mainEnded: ({ context }) => hasEnded(context),
    mainEndedWithMore: ({ context }) =>
      hasEnded(context) && context.mainIndex + 1 < context.spec.service.execStart.length,
    exitFailed: ({ context }) => context.result !== 'success',
    endedAndRemains: ({ context }) => hasEnded(context) && context.spec.service.remainAfterExit,
    sendsSigkill: ({ context }) => context.spec.service.sendSigkill,
  },
  delays: {
    restartSec: ({ context }) => context.spec.service.restartSecMs,
    startTimeout: ({ context }) => context.spec.service.timeoutStartMs ?? infinityMs,
    oneshotTimeout: ({ context }) =>
      context.spec.service.type === 'oneshot' ? (context.spec.service.timeoutStartMs ?? infinityMs) : infinityMs,
    stopTimeout: ({ context }) => context.spec.service.timeoutStopMs ?? infinityMs,
    cleanUpRetry: engineRetryMs,
    runtimeMax: ({ context }) => context.spec.service.runtimeMaxMs ?? infinityMs,
  },
  actions: {
    setGoal: assign(({ context, event }) => (event.type === 'SET_GOAL' ? wishes(context, event.assigned) : {})),
    retire: assign({ retiring: true, reason: ({ event }) => (event.type === 'RETIRE' ? event.reason : '') }),
    noteExit: assign(({ context, event }) => (event.type === 'MAIN_EXITED' ? ended(context, event.exit) : {})),
    begin: assign(({ context }) => begin(context)),
    setMain: assign((_, { main }: { main: MainProcess }) => ({ main })),
    countRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
    nextCommand: assign({ mainIndex: ({ context }) => context.mainIndex + 1, main: null, exit: null }),
    timedOut: assign({ result: 'timeout' as const, reason: (_, { what }: { what: string }) => `${what} timed out` }),
    hitLimit: assign({
      result: 'start-limit-hit' as const,
      startWished: false,
      reason: ({ context }) => `started ${context.starts.length} times within the start limit's interval`,
    }),
    fail: assign((_, { result, reason }: { result: Result; reason: string }) => ({ result, reason })),
  },
});

function hasEnded({ main, exit }: UnitContext): boolean {
  return main === null || exit !== null;
}

/** The wishes that a new goal brings with it. */
function wishes(context: UnitContext, assigned: AssignedUnit): Partial<UnitContext> {
  const launched = assigned.desired === 'launched';
  const isNew = assigned.goal > context.assigned.goal;
  return {
    assigned,
    startWished: launched && (isNew || context.startWished),
    restartWished: launched && (context.restartWished || assigned.restart > context.assigned.restart),
    starts: isNew ? [] : context.starts,
  };
}

/** A fresh activation. */
function begin(context: UnitContext): Partial<UnitContext> {
  const { clock, spec } = context;
  const now = clock.monotonicNow();
  return {
    startWished: false,
    restartWished: false,
    main: null,
    mainIndex: 0,
    result: 'success',
    exit: null,
    reason: context.restartWished ? 'a restart was asked for' : context.startWished ? 'started' : 'Restart= applies',
    starts: [...recentStarts(context.starts, now, spec.service.startLimit), now],
  };
}

/** The main process ended; an earlier failure (a time-out, say) stays the result. */
function ended(context: UnitContext, exit: Exit): Partial<UnitContext> {
  const result = context.result === 'success' ? resultOf(context.spec.service, exit) : context.result;
  return { exit, result, reason: `main process ${describeExit(exit)}` };
}

async function runList(context: UnitContext, list: ControlList, signal: AbortSignal): Promise<CommandsOutcome> {
  const { assigned, spec, runtimes } = context;
  const { service } = spec;
  try {
    const environment = controlEnvironment(await unitEnvironment(service), context);
    return await runCommands({ unit: assigned.name, service, commands: service[list], environment, runtimes }, signal);
  } catch (error) {
    if (error instanceof StartError) return { ok: false, line: list, exit: null, message: error.message };
    throw error;
  }
}

export function needsEngine(spec: UnitSpec): boolean {
  const { Requires = [], Requisite = [], BindsTo = [] } = spec.dependencies;
  return (
    [...Requires, ...Requisite, ...BindsTo].includes('docker.service') || spec.placement.runtimes.includes('docker')
  );
}

/** `Requires=docker.service`: waits until the engine answers. A machine without one is told at the start itself. */
async function awaitEngine({ runtimes, clock }: UnitContext, signal: AbortSignal): Promise<void> {
  while (runtimes.docker && !signal.aborted && (await runtimes.docker.unavailable()) !== null) {
    await delay(clock, engineRetryMs, signal);
  }
}

/** @throws {StartError} */
async function startMain(context: UnitContext): Promise<MainProcess> {
  const { assigned, spec, runtimes, mainIndex } = context;
  const { service } = spec;
  const written = service.execStart[mainIndex];
  if (!written) throw new StartError(`${assigned.name} has no ExecStart= number ${mainIndex + 1}`);
  const environment = await unitEnvironment(service);
  const command = resolveCommand(written, environment);
  const { name: unit, hash } = assigned;
  const request = { unit, hash, token: startToken(assigned), service, environment, command };
  return runtimeFor(runtimes, service, written).start(request);
}

/** KillMode=: systemd.kill(5). `force` also reaches what the main process left behind. */
async function signalUnit({ main, spec }: UnitContext, signal: string, force: boolean): Promise<void> {
  const { killMode } = spec.service;
  if (!main || killMode === 'none') return;
  const toAll = killMode === 'control-group' || (killMode === 'mixed' && force);
  await main.signal(signal, toAll ? 'all' : 'main');
}

async function cleanUp({ assigned, runtimes }: UnitContext): Promise<void> {
  await Promise.all([runtimes.process.remove(assigned.name), runtimes.docker?.remove(assigned.name)]);
}

function initialContext({ rest, adopted, ...input }: UnitInput): UnitContext {
  const fresh = rest === null && adopted === null && input.assigned.desired === 'launched';
  return {
    ...input,
    retiring: false,
    startWished: fresh || (rest !== null && rest.goal < input.assigned.goal && input.assigned.desired === 'launched'),
    restartWished: adopted !== null && adopted.token < startToken(input.assigned),
    main: adopted,
    mainIndex: 0,
    result: (rest?.result as Result | undefined) ?? 'success',
    exit: null,
    reason: adopted ? 'adopted: an earlier agent of this machine had started it' : (rest?.reason ?? ''),
    starts: [],
    restarts: rest?.restarts ?? 0,
  };
}

/** ExecCondition=: exit codes 1 to 254 mean "not now", which is no failure. */
function conditionUnmet(outcome: CommandsOutcome): boolean {
  return !outcome.ok && outcome.exit?.kind === 'exited' && outcome.exit.code < 255;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Failure {
  result: Result;
  reason: string;
}

/** What a failed control command means for the unit. */
function controlFailure(outcome: CommandsOutcome): Failure {
  if (outcome.ok) return { result: 'success', reason: '' };
  const result = outcome.exit === null ? 'resources' : outcome.exit.kind === 'exited' ? 'exit-code' : 'signal';
  return { result, reason: outcome.message };
}

type OfList = { event: { output: CommandsOutcome } };

const listUnmet = {
  type: 'fail',
  params: ({ event }: OfList): Failure => ({ ...controlFailure(event.output), result: 'exec-condition' }),
} as const;
const startFailed = {
  type: 'fail',
  params: ({ event }: { event: { error: unknown } }): Failure => ({
    result: 'resources',
    reason: reasonOf(event.error),
  }),
} as const;
const listDone = ({ event }: OfList) => event.output.ok;
const listFailed = { type: 'fail', params: ({ event }: OfList) => controlFailure(event.output) } as const;
const setMain = {
  type: 'setMain',
  params: ({ event }: { event: { output: MainProcess } }) => ({ main: event.output }),
} as const;
const timedOut = (what: string) => ({ type: 'timedOut', params: { what } }) as const;

/** Runs the commands of one Exec directive. */
const run = (list: ControlList) =>
  ({ src: 'runList', input: ({ context }: { context: UnitContext }) => ({ context, list }) }) as const;

const isEmpty =
  (list: ControlList) =>
  ({ context }: { context: UnitContext }) =>
    context.spec.service[list].length === 0;

const sendSignal = (signal: 'killSignal' | 'finalKillSignal', force: boolean) =>
  ({
    src: 'signalUnit',
    input: ({ context }: { context: UnitContext }) => ({ context, signal: context.spec.service[signal], force }),
  }) as const;

/** Tells the unit when its main process ends. */
const watch = unitSetup.spawnChild('watchMain', { id: 'watch', input: ({ context }) => context.main });

export const unitMachine = unitSetup.createMachine({
  id: 'unit',
  context: ({ input }) => initialContext(input),
  initial: 'resuming',
  on: {
    SET_GOAL: { actions: 'setGoal' },
    RETIRE: { actions: 'retire' },
    MAIN_EXITED: { actions: 'noteExit' },
  },
  states: {
    resuming: {
      always: [
        { guard: 'adoptedOneshot', target: 'activating.started' },
        { guard: 'adopted', target: 'active', actions: watch },
        { guard: ({ context }) => context.result !== 'success', target: 'failed' },
        { target: 'inactive' },
      ],
    },

    inactive: {
      always: [
        { guard: 'retiring', target: 'retired' },
        { guard: 'startWished', target: 'activating' },
      ],
    },

    failed: {
      always: [
        { guard: 'retiring', target: 'retired' },
        { guard: 'startWished', target: 'activating' },
      ],
    },

    activating: {
      initial: 'limit',
      states: {
        limit: {
          always: [
            { guard: 'limitHit', target: '#unit.failed', actions: 'hitLimit' },
            { target: 'engine', actions: [stopChild('watch'), 'begin'] },
          ],
        },
        engine: {
          always: [
            { guard: ({ context }) => !needsEngine(context.spec), target: 'condition' },
            { guard: 'stopWished', target: '#unit.settling' },
          ],
          invoke: { src: 'awaitEngine', input: ({ context }) => context, onDone: 'condition' },
          after: {
            startTimeout: {
              target: '#unit.settling',
              actions: timedOut('waiting for the Docker engine'),
            },
          },
        },
        condition: {
          always: { guard: isEmpty('execCondition'), target: 'startPre' },
          invoke: {
            ...run('execCondition'),
            onDone: [
              { guard: listDone, target: 'startPre' },
              {
                guard: ({ event }: OfList) => conditionUnmet(event.output),
                target: '#unit.settling',
                actions: listUnmet,
              },
              {
                target: '#unit.deactivating.stopPost',
                actions: listFailed,
              },
            ],
          },
          after: {
            startTimeout: {
              target: '#unit.deactivating.stopPost',
              actions: timedOut('ExecCondition='),
            },
          },
        },
        startPre: {
          always: [
            { guard: 'stopWished', target: '#unit.deactivating.stopPost' },
            { guard: isEmpty('execStartPre'), target: 'start' },
          ],
          invoke: {
            ...run('execStartPre'),
            onDone: [
              { guard: listDone, target: 'start' },
              {
                target: '#unit.deactivating.stopPost',
                actions: listFailed,
              },
            ],
          },
          after: {
            startTimeout: {
              target: '#unit.deactivating.stopPost',
              actions: timedOut('ExecStartPre='),
            },
          },
        },
        // Not left before the runtime has answered: a process that it started after all would be nobody's.
        start: {
          always: { guard: 'nothingToStart', target: 'startPost' },
          invoke: {
            src: 'startMain',
            input: ({ context }) => context,
            onDone: { target: 'started', actions: setMain },
            onError: {
              target: '#unit.deactivating.stopPost',
              actions: startFailed,
            },
          },
        },
        started: {
          entry: watch,
          always: [{ guard: 'oneshot', target: 'oneshot' }, { target: 'startPost' }],
        },
        oneshot: {
          always: [
            { guard: 'exitFailed', target: '#unit.deactivating.stopSigterm' },
            { guard: 'mainEndedWithMore', target: 'start', actions: [stopChild('watch'), 'nextCommand'] },
            { guard: 'mainEnded', target: 'startPost' },
            { guard: 'stopWished', target: '#unit.deactivating.stopSigterm' },
          ],
          after: {
            oneshotTimeout: {
              target: '#unit.deactivating.stopSigterm',
              actions: timedOut('ExecStart='),
            },
          },
        },
        startPost: {
          always: { guard: isEmpty('execStartPost'), target: '#unit.active' },
          invoke: {
            ...run('execStartPost'),
            onDone: [
              { guard: listDone, target: '#unit.active' },
              {
                target: '#unit.deactivating.stop',
                actions: listFailed,
              },
            ],
          },
          after: {
            startTimeout: {
              target: '#unit.deactivating.stop',
              actions: timedOut('ExecStartPost='),
            },
          },
        },
        autoRestart: {
          always: [
            { guard: 'startWished', target: 'limit' },
            { guard: 'stopWished', target: '#unit.settling' },
          ],
          after: { restartSec: { target: 'limit', actions: 'countRestart' } },
        },
      },
    },

    active: {
      initial: 'running',
      states: {
        running: {
          always: [
            { guard: 'exitFailed', target: '#unit.deactivating.stopSigterm' },
            { guard: 'endedAndRemains', target: 'exited' },
            { guard: 'mainEnded', target: '#unit.deactivating.stop' },
            { guard: 'stopWished', target: '#unit.deactivating.stop' },
          ],
          after: {
            runtimeMax: {
              target: '#unit.deactivating.stopSigterm',
              actions: timedOut('RuntimeMaxSec='),
            },
          },
        },
        exited: { always: { guard: 'stopWished', target: '#unit.deactivating.stop' } },
      },
    },

    deactivating: {
      initial: 'stop',
      states: {
        stop: {
          always: { guard: isEmpty('execStop'), target: 'stopSigterm' },
          invoke: {
            ...run('execStop'),
            onDone: [
              { guard: listDone, target: 'stopSigterm' },
              {
                target: 'stopSigterm',
                actions: listFailed,
              },
            ],
          },
          after: {
            stopTimeout: { target: 'stopSigterm', actions: timedOut('ExecStop=') },
          },
        },
        stopSigterm: {
          always: { guard: 'mainEnded', target: 'finalSigkill' },
          invoke: {
            ...sendSignal('killSignal', false),
          },
          after: {
            stopTimeout: [
              {
                guard: 'sendsSigkill',
                target: 'stopSigkill',
                actions: timedOut('stopping'),
              },
              { target: 'stopPost', actions: timedOut('stopping') },
            ],
          },
        },
        stopSigkill: {
          always: { guard: 'mainEnded', target: 'finalSigkill' },
          invoke: {
            ...sendSignal('finalKillSignal', true),
          },
          after: { stopTimeout: 'stopPost' },
        },
        // The main process has ended; what it left behind in its group ends here.
        finalSigkill: {
          invoke: {
            ...sendSignal('finalKillSignal', true),
            onDone: 'stopPost',
            onError: 'stopPost',
          },
        },
        stopPost: {
          always: { guard: isEmpty('execStopPost'), target: '#unit.settling' },
          invoke: {
            ...run('execStopPost'),
            onDone: [
              { guard: listDone, target: '#unit.settling' },
              {
                target: '#unit.settling',
                actions: listFailed,
              },
            ],
          },
          after: {
            stopTimeout: { target: '#unit.settling', actions: timedOut('ExecStopPost=') },
          },
        },
      },
    },

    /** Nothing runs any more: where to from here? */
    settling: {
      always: [
        { guard: 'retiring', target: 'retired' },
        { guard: 'wishedAgain', target: 'activating' },
        { guard: 'autoRestarts', target: 'activating.autoRestart' },
        { guard: 'failed', target: 'failed' },
        { target: 'inactive' },
      ],
    },

    retired: {
      initial: 'cleaning',
      states: {
        cleaning: {
          invoke: { src: 'cleanUp', input: ({ context }) => context, onDone: 'gone', onError: 'retrying' },
        },
        // The engine may be away: traces must not stay, so it tries until they are gone.
        retrying: { after: { cleanUpRetry: 'cleaning' } },
        gone: { type: 'final' },
      },
      onDone: 'gone',
    },
    gone: { type: 'final' },
  },
});

const systemdStates: Record<string, [ActiveState, string]> = {
  resuming: ['inactive', 'dead'],
  inactive: ['inactive', 'dead'],
  failed: ['failed', 'failed'],
  'activating.limit': ['activating', 'condition'],
  'activating.engine': ['activating', 'condition'],
  'activating.condition': ['activating', 'condition'],
  'activating.startPre': ['activating', 'start-pre'],
  'activating.start': ['activating', 'start'],
  'activating.started': ['activating', 'start'],
  'activating.oneshot': ['activating', 'start'],
  'activating.startPost': ['activating', 'start-post'],
  'activating.autoRestart': ['activating', 'auto-restart'],
  'active.running': ['active', 'running'],
  'active.exited': ['active', 'exited'],
  'deactivating.stop': ['deactivating', 'stop'],
  'deactivating.stopSigterm': ['deactivating', 'stop-sigterm'],
  'deactivating.stopSigkill': ['deactivating', 'stop-sigkill'],
  'deactivating.finalSigkill': ['deactivating', 'final-sigkill'],
  'deactivating.stopPost': ['deactivating', 'stop-post'],
};

/** What the node reports of the unit, in systemd's words. */
export function reportOf({ value, context }: Pick<SnapshotFrom<typeof unitMachine>, 'value' | 'context'>): UnitReport {
  const [active, sub] = systemdStates[pathOf(value)] ?? ['inactive', 'dead'];
  const { assigned, result, reason, exit, main, restarts: count } = context;
  return {
    unit: assigned.name,
    hash: assigned.hash,
    load: 'loaded',
    active,
    sub,
    result,
    goal: assigned.goal,
    reason,
    ...(exit?.kind === 'exited' ? { exit: { code: exit.code } } : {}),
    ...(exit?.kind === 'killed' ? { exit: { signal: exit.signal } } : {}),
    ...(main?.pid !== undefined && exit === null ? { pid: main.pid } : {}),
    ...(main?.container !== undefined && exit === null ? { container: main.container } : {}),
    ...(count > 0 ? { restarts: count } : {}),
  };
}

function pathOf(value: SnapshotFrom<typeof unitMachine>['value']): string {
  if (typeof value === 'string') return value;
  return Object.entries(value)
    .map(([parent, child]) => `${parent}.${child}`)
    .join();
}

/** A unit as the registry of the node handles it. */
export interface Unit {
  readonly assigned: AssignedUnit;
  readonly retiring: boolean;
  report(): UnitReport;
  setGoal(assigned: AssignedUnit): void;
  /** Stops it for good and removes its traces; then `onGone` is called. */
  retire(reason: string): void;
  /** Lets go of it: nothing is stopped, nobody looks any more. */
  abandon(): void;
}

/** Starts the actor of a unit. `onReport` is called whenever what there is to report changes, first at once. */
export function createUnit(
  input: UnitInput,
  handlers: { onReport: (report: UnitReport) => void; onGone: () => void },
): Unit {
  const actor = createActor(unitMachine, { input, clock: input.clock });
  let last = '';
  actor.subscribe({
    next: (snapshot) => {
      const report = reportOf(snapshot);
      const text = JSON.stringify(report);
      if (text !== last && snapshot.value !== 'gone') handlers.onReport(report);
      last = text;
    },
    complete: () => {
      if (actor.getSnapshot().value === 'gone') handlers.onGone();
    },
  });
  actor.start();
  return {
    get assigned() {
      return actor.getSnapshot().context.assigned;
    },
    get retiring() {
      return actor.getSnapshot().context.retiring;
    },
    report: () => reportOf(actor.getSnapshot()),
    setGoal: (assigned) => actor.send({ type: 'SET_GOAL', assigned }),
    retire: (reason) => actor.send({ type: 'RETIRE', reason }),
    abandon: () => actor.stop(),
  };
}
