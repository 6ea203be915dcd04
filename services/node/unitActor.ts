/**
 * One unit on this machine. Its states are those of a service in systemd (systemd.service(5), `systemctl status`), and
 * it only moves towards its goal: what is wished stands in the context, and the states' `always` transitions follow it.
 */
import { assign, createActor, fromCallback, fromPromise, setup } from 'xstate';
import type { Announcement } from '../../shared/domain/announce.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { restarts, startLimitHit } from './policy/restart.ts';
import type { MainProcess } from './runtime/runtime.ts';
import type { CommandsOutcome } from './unitCommands.ts';
import {
  begun,
  controlFailure,
  ended,
  type Failure,
  failed,
  initialContext,
  isUnmetCondition,
  isUp,
  mainEnded,
  takenUp,
  type UnitContext,
  type UnitEvent,
  type UnitInput,
  wishes,
} from './unitContext.ts';
import type { ControlList } from './unitEnvironment.ts';
import { reportOf } from './unitReport.ts';
import {
  adoptMain,
  askToStop,
  awaitEngine,
  cleanUp,
  engineRetryMs,
  kill,
  needsEngine,
  reasonOf,
  runList,
  runtimeMaxMs,
  sendFinalSignal,
  startMain,
  startTimeoutMs,
  stopTimeoutMs,
} from './unitWork.ts';

type Work = { context: UnitContext };

const unitSetup = setup({
  types: {
    input: {} as UnitInput,
    context: {} as UnitContext,
    events: {} as UnitEvent,
  },
  actors: {
    adoptMain: fromPromise<MainProcess | null, Work>(({ input }) => adoptMain(input.context)),
    awaitEngine: fromPromise<void, Work>(({ input, signal }) => awaitEngine(input.context, signal)),
    runList: fromPromise<CommandsOutcome, Work & { list: ControlList }>(({ input, signal }) =>
      runList(input.context, input.list, signal),
    ),
    startMain: fromPromise<MainProcess, Work>(({ input }) => startMain(input.context)),
    watchMain: fromCallback<UnitEvent, MainProcess | null>(({ input, sendBack }) => {
      let watching = true;
      void input?.exited.then((exit) => {
        if (watching) sendBack({ type: 'MAIN_EXITED', exit });
      });
      return () => {
        watching = false;
      };
    }),
    askToStop: fromPromise<void, Work>(({ input }) => askToStop(input.context)),
    kill: fromPromise<void, Work>(({ input, signal }) => kill(input.context, signal)),
    sendFinalSignal: fromPromise<void, Work>(({ input }) => sendFinalSignal(input.context)),
    cleanUp: fromPromise<void, Work>(({ input }) => cleanUp(input.context)),
  },
  guards: {
    retiring: ({ context }) => context.retiring,
    startWished: ({ context }) => !context.retiring && context.startWished,
    stopWished: ({ context }) => context.retiring || context.restartWished || context.assigned.desired !== 'launched',
    wishedAgain: ({ context }) => context.restartWished || context.startWished,
    nothingToResume: ({ context }) => context.rest !== null || !context.mayRun,
    oneshot: ({ context }) => context.spec.service.type === 'oneshot',
    /** A oneshot may have nothing but ExecStop=. */
    nothingToStart: ({ context }) => context.spec.service.execStart.length === 0,
    needsNoEngine: ({ context }) => !needsEngine(context.spec),
    mainEnded: ({ context }) => mainEnded(context),
    mainEndedWithMore: ({ context }) =>
      mainEnded(context) && context.mainIndex + 1 < context.spec.service.execStart.length,
    endedAndRemains: ({ context }) => mainEnded(context) && context.spec.service.remainAfterExit,
    hasFailed: ({ context }) => context.result !== 'success',
    endsFailed: ({ context }) => context.result !== 'success' && context.result !== 'exec-condition',
    autoRestarts: ({ context }) =>
      context.assigned.desired === 'launched' && restarts(context.spec.service, context.result, context.exit),
    limitHit: ({ context }) =>
      startLimitHit(context.starts, context.clock.monotonicNow(), context.spec.service.startLimit),
    killsNothing: ({ context }) => context.spec.service.killMode === 'none',
    sendsSigkill: ({ context }) => context.spec.service.sendSigkill,
  },
  delays: {
    engineRetry: engineRetryMs,
    restartSec: ({ context }) => context.spec.service.restartSecMs,
    startTimeout: ({ context }) => startTimeoutMs(context.spec.service),
    stopTimeout: ({ context }) => stopTimeoutMs(context.spec.service),
    runtimeMax: ({ context }) => runtimeMaxMs(context.spec.service),
  },
  actions: {
    setGoal: assign(({ context, event }) => (event.type === 'SET_GOAL' ? wishes(context, event.assigned) : {})),
    retire: assign({ retiring: true, reason: ({ event }) => (event.type === 'RETIRE' ? event.reason : '') }),
    noteExit: assign(({ context, event }) => (event.type === 'MAIN_EXITED' ? ended(context, event.exit) : {})),
    /** What is up is what was wished, unless it is already on its way down. */
    fulfil: assign({ startWished: ({ context }) => context.startWished && !isUp(context) }),
    begin: assign(({ context }) => begun(context)),
    takeUp: assign(({ context }, { main }: { main: MainProcess | null }) => (main ? takenUp(context, main) : {})),
    // Whoever wished a start until now has got it.
    setMain: assign((_, { main }: { main: MainProcess }) => ({ main, startWished: false })),
    forgetMain: assign({ main: null }),
    countRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
    nextCommand: assign({ mainIndex: ({ context }) => context.mainIndex + 1, main: null, exit: null }),
    hitLimit: assign({
      result: 'start-limit-hit' as const,
      startWished: false,
      reason: ({ context }) => `started ${context.starts.length} times within the start limit's interval`,
    }),
    fail: assign(({ context }, failure: Failure) => failed(context, failure)),
    noteTrouble: assign((_, { error }: { error: unknown }) => ({ reason: reasonOf(error) })),
  },
});

type OfList = { event: { output: CommandsOutcome } };
type OfAdoption = { event: { output: MainProcess | null } };
type OfError = { event: { error: unknown } };

const work = { input: ({ context }: Work) => ({ context }) } as const;

/** Runs the commands of one Exec directive. */
const run = (list: ControlList) => ({ src: 'runList', input: ({ context }: Work) => ({ context, list }) }) as const;

const isEmpty =
  (list: ControlList) =>
  ({ context }: Work) =>
    context.spec.service[list].length === 0;

const listDone = ({ event }: OfList) => event.output.ok;
const listUnmet = ({ event }: OfList) => isUnmetCondition(event.output);
const fail = (failureIn: (event: { output: CommandsOutcome }) => Failure) =>
  ({ type: 'fail', params: ({ event }: OfList) => failureIn(event) }) as const;
const noteFailure = fail(({ output }) => controlFailure(output));
const noteUnmet = fail(({ output }) => ({ ...controlFailure(output), result: 'exec-condition' }));
const noteStartFailure = {
  type: 'fail',
  params: ({ event }: OfError): Failure => ({ result: 'resources', reason: reasonOf(event.error) }),
} as const;
const noteTimeout = (what: string) =>
  ({ type: 'fail', params: { result: 'timeout', reason: `${what} took too long` } }) as const;
const noteTrouble = { type: 'noteTrouble', params: ({ event }: OfError) => ({ error: event.error }) } as const;

const wasFound = ({ event }: OfAdoption) => event.output !== null;
const takeUp = { type: 'takeUp', params: ({ event }: OfAdoption) => ({ main: event.output }) } as const;
const setMain = {
  type: 'setMain',
  params: ({ event }: { event: { output: MainProcess } }) => ({ main: event.output }),
} as const;

const rested =
  (sub: string) =>
  ({ context }: Work) =>
    context.rest?.sub === sub;

/** Tells the unit when its main process ends. */
const watch = unitSetup.spawnChild('watchMain', { id: 'watch', input: ({ context }) => context.main });
const unwatch = unitSetup.stopChild('watch');

const unitMachine = unitSetup.createMachine({
  id: 'unit',
  context: ({ input }) => initialContext(input),
  initial: 'resuming',
  on: {
    SET_GOAL: { actions: 'setGoal' },
    RETIRE: { actions: 'retire' },
    MAIN_EXITED: { actions: 'noteExit' },
  },
  states: {
    /** What did an earlier agent leave? */
    resuming: {
      initial: 'looking',
      always: { guard: 'retiring', target: 'retired' },
      states: {
        looking: {
          always: [
            { guard: rested('exited'), target: '#unit.active.exited' },
            { guard: rested('failed'), target: '#unit.failed' },
            { guard: 'nothingToResume', target: '#unit.inactive' },
          ],
          invoke: {
            src: 'adoptMain',
            ...work,
            onDone: [{ guard: wasFound, target: 'found', actions: takeUp }, { target: '#unit.inactive' }],
            onError: { target: 'waiting', actions: noteTrouble },
          },
        },
        found: {
          entry: watch,
          always: [{ guard: 'oneshot', target: '#unit.activating.oneshot' }, { target: '#unit.active' }],
        },
        // Not knowing whether it runs, it must not start it.
        waiting: { after: { engineRetry: 'looking' } },
      },
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
            { target: 'engine', actions: 'begin' },
          ],
        },
        engine: {
          always: [
            { guard: 'needsNoEngine', target: 'condition' },
            { guard: 'stopWished', target: '#unit.settling' },
          ],
          invoke: { src: 'awaitEngine', ...work, onDone: 'condition', onError: { actions: noteTrouble } },
          after: { startTimeout: { target: '#unit.settling', actions: noteTimeout('waiting for the Docker engine') } },
        },
        condition: {
          always: [
            { guard: 'stopWished', target: '#unit.deactivating.stopPost' },
            { guard: isEmpty('execCondition'), target: 'startPre' },
          ],
          invoke: {
            ...run('execCondition'),
            onDone: [
              { guard: listDone, target: 'startPre' },
              { guard: listUnmet, target: '#unit.deactivating.stopPost', actions: noteUnmet },
              { target: '#unit.deactivating.stopPost', actions: noteFailure },
            ],
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
              { target: '#unit.deactivating.stopPost', actions: noteFailure },
            ],
          },
        },
        // Not left before the runtime has answered: a process that it started after all would be nobody's.
        start: {
          always: { guard: 'nothingToStart', target: 'startPost' },
          invoke: {
            src: 'startMain',
            ...work,
            onDone: { target: 'started', actions: setMain },
            onError: { target: '#unit.deactivating.stopPost', actions: noteStartFailure },
          },
        },
        started: {
          entry: watch,
          always: [{ guard: 'oneshot', target: 'oneshot' }, { target: 'startPost' }],
        },
        oneshot: {
          always: [
            { guard: 'hasFailed', target: '#unit.deactivating.stopSigterm' },
            { guard: 'stopWished', target: '#unit.deactivating.stopSigterm' },
            { guard: 'mainEndedWithMore', target: 'start', actions: [unwatch, 'nextCommand'] },
            { guard: 'mainEnded', target: 'startPost' },
          ],
          after: {
            startTimeout: { target: '#unit.deactivating.stopSigterm', actions: noteTimeout('ExecStart=') },
          },
        },
        // Without ExecStartPost= a service is up as soon as it runs; and ExecStop= is for those that were up.
        startPost: {
          // Its main process runs: a start that is wished now is had already.
          on: { SET_GOAL: { actions: ['setGoal', 'fulfil'] } },
          always: [
            { guard: isEmpty('execStartPost'), target: '#unit.active' },
            { guard: 'stopWished', target: '#unit.deactivating.stopSigterm' },
          ],
          invoke: {
            ...run('execStartPost'),
            onDone: [
              { guard: listDone, target: '#unit.active' },
              { target: '#unit.deactivating.stopSigterm', actions: noteFailure },
            ],
          },
        },
        autoRestart: {
          always: [
            { guard: 'startWished', target: 'limit' },
            { guard: 'stopWished', target: '#unit.inactive' },
          ],
          after: { restartSec: { target: 'limit', actions: 'countRestart' } },
        },
      },
    },

    active: {
      entry: 'fulfil',
      on: { SET_GOAL: { actions: ['setGoal', 'fulfil'] } },
      initial: 'running',
      states: {
        running: {
          always: [
            { guard: 'hasFailed', target: '#unit.deactivating.stopSigterm' },
            { guard: 'endedAndRemains', target: 'exited' },
            { guard: 'mainEnded', target: '#unit.deactivating.stop' },
            { guard: 'stopWished', target: '#unit.deactivating.stop' },
          ],
          after: {
            runtimeMax: { target: '#unit.deactivating.stop', actions: noteTimeout('running (RuntimeMaxSec=)') },
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
              { target: 'stopSigterm', actions: noteFailure },
            ],
          },
        },
        stopSigterm: {
          always: [
            { guard: 'killsNothing', target: 'stopPost' },
            { guard: 'mainEnded', target: 'finalSigkill' },
          ],
          invoke: { src: 'askToStop', ...work, onError: { actions: noteTrouble } },
          after: {
            stopTimeout: [
              { guard: 'sendsSigkill', target: 'stopSigkill', actions: noteTimeout('stopping') },
              { target: 'stopPost', actions: noteTimeout('stopping') },
            ],
          },
        },
        stopSigkill: {
          always: { guard: 'mainEnded', target: 'finalSigkill' },
          invoke: { src: 'kill', ...work, onDone: 'stopPost' },
        },
        // The main process has ended; what it left behind in its group ends here.
        finalSigkill: {
          invoke: {
            src: 'sendFinalSignal',
            ...work,
            onDone: 'stopPost',
            onError: { target: 'stopPost', actions: noteTrouble },
          },
        },
        stopPost: {
          always: { guard: isEmpty('execStopPost'), target: '#unit.settling' },
          invoke: {
            ...run('execStopPost'),
            onDone: [
              { guard: listDone, target: '#unit.settling' },
              { target: '#unit.settling', actions: noteFailure },
            ],
          },
        },
      },
    },

    /** Nothing is done any more: where to from here? */
    settling: {
      entry: [unwatch, 'forgetMain'],
      always: [
        { guard: 'retiring', target: 'retired' },
        { guard: 'wishedAgain', target: 'activating' },
        { guard: 'autoRestarts', target: 'activating.autoRestart' },
        { guard: 'endsFailed', target: 'failed' },
        { target: 'inactive' },
      ],
    },

    retired: {
      initial: 'cleaning',
      states: {
        cleaning: {
          invoke: {
            src: 'cleanUp',
            ...work,
            onDone: '#unit.gone',
            onError: { target: 'retrying', actions: noteTrouble },
          },
        },
        // The engine may be away: traces must not stay, so it tries until they are gone.
        retrying: { after: { engineRetry: 'cleaning' } },
      },
    },
    gone: { type: 'final' },
  },
});

/** A unit as the registry of the node handles it. */
export interface Unit {
  readonly assigned: AssignedUnit;
  readonly announcements: readonly Announcement[];
  readonly retiring: boolean;
  report(): UnitReport;
  setGoal(assigned: AssignedUnit): void;
  /** Stops it for good and removes its traces; then `onGone` is called. */
  retire(reason: string): void;
  /** Lets go of it: nothing is stopped, nobody looks any more. */
  abandon(): void;
}

/**
 * Starts the actor of a unit. `onReport` is called whenever what there is to report changes, first as soon as it is
 * known whether an earlier agent left it running.
 */
export function createUnit(
  input: UnitInput,
  handlers: { onReport: (report: UnitReport) => void; onGone: () => void },
): Unit {
  const actor = createActor(unitMachine, { input, clock: input.clock });
  let last = '';
  actor.subscribe({
    next: (snapshot) => {
      if (snapshot.matches({ resuming: 'looking' }) || snapshot.matches('gone')) return;
      const report = reportOf(snapshot.value, snapshot.context);
      const text = JSON.stringify(report);
      if (text !== last) handlers.onReport(report);
      last = text;
    },
    complete: () => {
      if (actor.getSnapshot().matches('gone')) handlers.onGone();
    },
  });
  actor.start();
  const report = () => {
    const { value, context } = actor.getSnapshot();
    return reportOf(value, context);
  };
  return {
    announcements: input.spec.announcements,
    get assigned() {
      return actor.getSnapshot().context.assigned;
    },
    get retiring() {
      return actor.getSnapshot().context.retiring;
    },
    report,
    setGoal: (assigned) => actor.send({ type: 'SET_GOAL', assigned }),
    retire: (reason) => actor.send({ type: 'RETIRE', reason }),
    abandon: () => actor.stop(),
  };
}
