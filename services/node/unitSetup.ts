/** What the chart of a unit is made of: what it does, what it asks, and how long it waits. */
import { assign, fromCallback, fromPromise, setup } from 'xstate';
import { openGate } from './policy/ordering.ts';
import { restarts, startLimitHit } from './policy/restart.ts';
import type { MainProcess } from './runtime/runtime.ts';
import type { CommandsOutcome } from './unitCommands.ts';
import {
  activated,
  begun,
  checked,
  ended,
  type Failure,
  failed,
  failedStart,
  gated,
  hasMain,
  isHeldBack,
  isLaunched,
  isOpen,
  isUnneeded,
  isUp,
  leftOut,
  mainEnded,
  ranOutOfMemory,
  resumed,
  takenUp,
  type UnitContext,
  type UnitEvent,
  type UnitInput,
  wishes,
} from './unitContext.ts';
import { removeRuntimeDirectories } from './unitDirectories.ts';
import type { ControlList } from './unitEnvironment.ts';
import {
  brokeProtocol,
  isReady,
  isReloading,
  listen,
  noticed,
  noticesOf,
  saysWhenReady,
  waitOut,
  watchForSilence,
} from './unitNotices.ts';
import {
  abortMain,
  adoptMain,
  askToStop,
  awaitEngine,
  cleanUp,
  endRest,
  engineRetryMs,
  kill,
  killUnhealthy,
  needsEngine,
  noteMainEnd,
  reasonOf,
  runList,
  sendFinalSignal,
  startMain,
  startTimeoutMs,
  testConditions,
} from './unitWork.ts';

/** What a step of the chart is given. */
export type Work = { context: UnitContext };

/** The names that `unitChart.ts` uses, and what they mean. */
export const unitSetup = setup({
  types: {
    input: {} as UnitInput,
    context: {} as UnitContext,
    events: {} as UnitEvent,
  },
  actors: {
    testConditions: fromPromise<Failure | null, Work>(({ input }) => testConditions(input.context)),
    adoptMain: fromPromise<MainProcess | null, Work>(({ input }) => adoptMain(input.context)),
    awaitEngine: fromPromise<void, Work>(({ input, signal }) => awaitEngine(input.context, signal)),
    runList: fromPromise<CommandsOutcome, Work & { list: ControlList }>(({ input, signal }) =>
      runList(input.context, input.list, signal),
    ),
    startMain: fromPromise<MainProcess, Work>(({ input }) => startMain(input.context)),
    watchMain: fromCallback<UnitEvent, Pick<UnitContext, 'main' | 'clock' | 'spec'>>(({ input, sendBack }) => {
      let watching = true;
      const { main, clock, spec } = input;
      const listener = main ? listen(main, clock, sendBack) : null;
      void main?.exited.then((exit) => {
        if (!watching) return;
        // What it said before its end comes first.
        listener?.hear();
        sendBack({ type: 'MAIN_EXITED', exit });
      });
      const unwatchHealth = main?.watchHealth?.((health, complaint) => {
        if (watching) sendBack({ type: 'HEALTH', health, complaint });
      });
      const countsKills = spec.service.oomPolicy !== 'continue';
      const unwatchMemory = countsKills && main?.watchMemory?.(() => sendBack({ type: 'OUT_OF_MEMORY' }));
      return () => {
        watching = false;
        listener?.stop();
        unwatchHealth?.();
        if (unwatchMemory) unwatchMemory();
      };
    }),
    askToStop: fromPromise<void, Work>(({ input }) => askToStop(input.context)),
    endRest: fromPromise<void, Work>(({ input, signal }) => endRest(input.context, signal)),
    abortMain: fromPromise<void, Work>(({ input }) => abortMain(input.context)),
    timeLimit: fromPromise<void, Work & { limitMs: number }>(({ input, signal }) =>
      waitOut(input.context, input.limitMs, signal),
    ),
    watchdog: fromPromise<void, Work>(({ input, signal }) => watchForSilence(input.context, signal)),
    kill: fromPromise<void, Work>(({ input, signal }) => kill(input.context, signal)),
    sendFinalSignal: fromPromise<void, Work>(({ input }) => sendFinalSignal(input.context)),
    cleanUp: fromPromise<void, Work>(({ input }) => cleanUp(input.context)),
  },
  guards: {
    retiring: ({ context }) => context.retiring,
    startWished: ({ context }) =>
      !context.retiring &&
      context.suspended === null &&
      isOpen(context) &&
      (context.startWished || context.restartWished),
    stopWished: ({ context }) => isToStop(context) && (context.gate.stop === null || context.suspended !== null),
    unneeded: ({ context }) => isUnneeded(context),
    /** Where nothing runs, nobody waits for its end. */
    stopWishedAtRest: ({ context }) => isToStop(context),
    mustBeDown: ({ context }) => context.gate.down !== null && !isToStop({ ...context, gate: openGate }),
    wishedAgain: ({ context }) => context.suspended === null && (context.restartWished || context.startWished),
    heldBack: ({ context }) => isHeldBack(context),
    expelled: ({ context }) => context.expelled,
    nothingToResume: ({ context }) => !context.mayRun,
    restKnown: ({ context }) => context.rest !== null,
    oneshot: ({ context }) => context.spec.service.type === 'oneshot',
    saysWhenReady: ({ context }) => saysWhenReady(context),
    isReady: ({ context }) => isReady(context),
    wasUnready: ({ context }) => saysWhenReady(context) && !isReady(context, true),
    lacksCheck: ({ context: { spec, main } }) =>
      spec.service.readyWhenHealthy === true && main?.pid !== undefined && main.health === undefined,
    brokeProtocol: ({ context }) => mainEnded(context) && brokeProtocol(context),
    reloadWished: ({ context }) => context.reloadWished,
    isReloading: ({ context }) => isReloading(context),
    saysItStops: ({ context }) => context.notices.stopping > 0,
    saysItHangs: ({ context }) => context.spec.service.watchdogMs !== null && context.notices.watchdogTriggered,
    /** A oneshot may have nothing but ExecStop=. */
    nothingToStart: ({ context }) => context.spec.service.execStart.length === 0,
    untested: ({ context }) => context.spec.conditions.length + context.spec.asserts.length === 0,
    needsEngine: ({ context }) => needsEngine(context.spec),
    mainEnded: ({ context }) => mainEnded(context),
    mainEndedWithMore: ({ context }) =>
      mainEnded(context) && context.mainIndex + 1 < context.spec.service.execStart.length,
    endedAndRemains: ({ context }) => mainEnded(context) && context.spec.service.remainAfterExit,
    hasFailed: ({ context }) => context.result !== 'success',
    ranOutOfMemory: ({ context }) => context.result === 'oom-kill' && !mainEnded(context),
    /** Nothing of it is asked to end: it is killed as a whole. */
    isToDieOfMemory: ({ context }) =>
      context.result === 'oom-kill' && !mainEnded(context) && context.spec.service.oomPolicy === 'kill',
    endsFailed: ({ context }) => context.result !== 'success' && context.result !== 'exec-condition',
    /** Its copy on another machine has not ended yet: Restart= must not start it beside that. */
    awaitsCopy: ({ context }) => context.assigned.awaits !== undefined,
    autoRestarts: ({ context }) =>
      context.suspended === null &&
      isLaunched(context) &&
      // A second one would run beside it.
      !context.outlived &&
      restarts(context.spec.service, context.result, hasMain(context) ? context.exit : null),
    limitHit: ({ context }) =>
      startLimitHit(context.starts, context.clock.monotonicNow(), context.spec.service.startLimit),
    /** `KillMode=process` means the main process alone; and a container leaves nothing. */
    leavesRest: ({ context: { main, spec } }) => spec.service.killMode === 'process' || main?.emptied === undefined,
    spareRest: ({ context: { spec } }) => spec.service.killMode === 'mixed' && !spec.service.sendSigkill,
    killsRest: ({ context }) => context.spec.service.killMode === 'mixed',
    killsNothing: ({ context }) => context.spec.service.killMode === 'none',
    startAborts: ({ context: { spec } }) => spec.service.startFailureMode === 'abort',
    startKills: ({ context: { spec } }) => spec.service.startFailureMode === 'kill' && spec.service.sendSigkill,
    startSpares: ({ context: { spec } }) => spec.service.startFailureMode === 'kill' && !spec.service.sendSigkill,
    stopAborts: ({ context: { spec } }) => spec.service.stopFailureMode === 'abort',
    stopKills: ({ context: { spec } }) => spec.service.stopFailureMode === 'kill' && spec.service.sendSigkill,
    stopSpares: ({ context: { spec } }) => spec.service.stopFailureMode === 'kill' && !spec.service.sendSigkill,
    sendsSigkill: ({ context }) => context.spec.service.sendSigkill,
  },
  delays: {
    engineRetry: engineRetryMs,
    restartSec: ({ context }) => context.spec.service.restartSecMs,
    startTimeout: ({ context }) => startTimeoutMs(context.spec.service),
  },
  actions: {
    setGoal: assign(({ context, event }) => (event.type === 'SET_GOAL' ? wishes(context, event.assigned) : {})),
    activate: assign(({ context, event }) => (event.type === 'ACTIVATE' ? activated(context, event) : {})),
    leave: assign({ activated: false, reason: 'no unit needs it (StopWhenUnneeded=)' }),
    /** What another unit started has ended. */
    rest: assign({ activated: false, told: {} }),
    retire: assign({ retiring: true, reason: ({ event }) => reasonIn(event) }),
    suspend: assign({ suspended: { resumes: true }, reason: ({ event }) => reasonIn(event) }),
    suspendAtRest: assign(({ context }) => ({ suspended: { resumes: context.startWished } })),
    setGate: assign(({ context, event }) => (event.type === 'GATE' ? gated(context, event.gate) : {})),
    uphold: assign({ startWished: true }),
    comeBack: assign({ startWished: true }),
    resume: assign(({ context }) => resumed(context)),
    expel: assign({ expelled: true }),
    noteNotices: assign(({ context, event }) => (event.type === 'NOTIFIED' ? noticed(context, event.notices) : {})),
    noteStatus: assign(({ event }) => (event.type === 'STATUS' ? { status: event.status } : {})),
    /** From now on it has to say that it is alive. */
    armWatchdog: ({ context: { deadlines, clock } }) => {
      deadlines.aliveAt = clock.monotonicNow();
    },
    beginReload: assign({ reloadWished: false, reloadFailure: null, reason: 'a reload was asked for' }),
    endReload: assign((_, { failure }: { failure: string | null }) => ({
      reloadFailure: failure,
      reason: failure === null ? 'reloaded' : `its reload failed: ${failure}`,
    })),
    giveUpReload: assign({ reloadGivenUp: ({ context }) => context.notices.reloading }),
    noteExit: assign(({ context, event }) => (event.type === 'MAIN_EXITED' ? ended(context, event.exit) : {})),
    noteEnded: ({ context, event }) => {
      if (event.type === 'MAIN_EXITED') noteMainEnd(context, event.exit);
    },
    noteHealth: assign(({ context, event }) => (event.type === 'HEALTH' ? checked(context, event) : {})),
    noteMemory: assign(({ context }) => ranOutOfMemory(context)),
    /** `OnUnhealthy=kill`: what Restart= then says of it, it says of every main process that was killed. */
    killUnhealthy: ({ context, event }) => {
      if (event.type === 'HEALTH') killUnhealthy(context, event.health);
    },
    /** What is up is what was wished, unless it is already on its way down. */
    fulfil: assign({ startWished: ({ context }) => context.startWished && !isUp(context) }),
    begin: assign(({ context }) => begun(context)),
    takeUp: assign(({ context }, { main }: { main: MainProcess | null }) => (main ? takenUp(context, main) : {})),
    // Whoever wished a start until now has got it.
    setMain: assign((_, { main }: { main: MainProcess }) => ({
      main,
      notices: noticesOf(main),
      health: main.health ?? null,
      startWished: false,
    })),
    forgetMain: assign(({ context }) => ({
      main: null,
      outlived: !mainEnded(context) && !context.spec.service.sendSigkill,
    })),
    countRestart: assign({ restarts: ({ context }) => context.restarts + 1 }),
    tidyUp: ({ context }, { comesBack }: { comesBack: boolean }) =>
      removeRuntimeDirectories(context.spec.service, comesBack),
    nextCommand: assign({ mainIndex: ({ context }) => context.mainIndex + 1, main: null, exit: null }),
    hitLimit: assign({
      result: 'start-limit-hit' as const,
      activated: false,
      startWished: false,
      reason: ({ context }) => `started ${context.starts.length} times within the start limit's interval`,
    }),
    leaveOut: assign((_, failure: Failure) => leftOut(failure)),
    fail: assign(({ context }, failure: Failure) => failed(context, failure)),
    failStart: assign(({ context }, { error }: { error: unknown }) => failedStart(context, error)),
    noteTrouble: assign((_, { error }: { error: unknown }) => ({ reason: reasonOf(error) })),
  },
});

function reasonIn(event: UnitEvent): string {
  return 'reason' in event ? event.reason : '';
}

function isToStop(context: UnitContext): boolean {
  const { retiring, suspended, gate, restartWished } = context;
  return retiring || suspended !== null || gate.down !== null || restartWished || !isLaunched(context);
}
