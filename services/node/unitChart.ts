/**
 * The state chart of one unit. Its states are those of a service in systemd (systemd.service(5), `systemctl status`), and
 * it only moves towards its goal: what is wished stands in the context, and the states' `always` transitions follow it.
 */
import { not } from 'xstate';
import type { ServiceSpec } from '../../shared/domain/unitSpec.ts';
import type { MainProcess } from './runtime/runtime.ts';
import { controlFailure, type Failure, initialContext, isUnmetCondition } from './unitContext.ts';
import { unitSetup, type Work } from './unitSetup.ts';
import {
  byMode,
  fail,
  has,
  isEmpty,
  limit,
  listDone,
  listFailed,
  noteFailure,
  noteTimeout,
  noteTrouble,
  type OfError,
  type OfList,
  run,
  work,
} from './unitSteps.ts';
import { deactivating } from './unitStop.ts';
import { runtimeMaxMs, startTimeoutMs } from './unitWork.ts';

type OfAdoption = { event: { output: MainProcess | null } };

/** Removes what was made for one activation. */
const tidyUp = (comesBack: boolean) => ({ type: 'tidyUp', params: { comesBack } }) as const;

const listUnmet = ({ event }: OfList) => isUnmetCondition(event.output);

const noteUnmet = fail(({ output }) => ({ ...controlFailure(output), result: 'exec-condition' }));

const noteReloadFailure = {
  type: 'endReload',
  params: ({ event }: OfList) => ({ failure: controlFailure(event.output).reason }),
} as const;

const noteStartFailure = { type: 'failStart', params: ({ event }: OfError) => ({ error: event.error }) } as const;

const leaveOut = {
  type: 'leaveOut',
  params: ({ event }: { event: { output: Failure | null } }): Failure =>
    event.output ?? { result: 'success', reason: '' },
} as const;

const noteSilence = {
  type: 'fail',
  params: { result: 'watchdog', reason: 'it has not said for WatchdogSec= that it is alive' },
} as const;

const noteProtocol = {
  type: 'fail',
  params: ({ context }: Work): Failure => ({ result: 'protocol', reason: unsaid(context.spec.service) }),
} as const;

const noteNoCheck = {
  type: 'fail',
  params: { result: 'protocol', reason: 'it has no health check, for which Notify=healthy waits' },
} as const;

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

const watchdog = {
  src: 'watchdog',
  ...work,
  onDone: { target: '#unit.deactivating.stopWatchdog', actions: noteSilence },
} as const;

function unsaid({ type, pidFile, readyWhenHealthy }: ServiceSpec): string {
  if (readyWhenHealthy) return 'it ended before its health check said healthy';
  return type === 'notify' ? 'it ended without having said READY=1' : `it ended without having written ${pidFile}`;
}

/** Tells the unit when its main process ends. */
const watch = unitSetup.spawnChild('watchMain', { id: 'watch', input: ({ context }) => context });

const unwatch = unitSetup.stopChild('watch');

/**
 * The chart; docs/states.md shows it, drawn from here. Its states that ask for nothing but where to go next (`asked`,
 * `begun`, `ended`) spare those that do something from being entered for nothing: each would make the actor of its work.
 */
export const unitMachine = unitSetup.createMachine({
  id: 'unit',
  context: ({ input }) => initialContext(input),
  initial: 'resuming',
  on: {
    SET_GOAL: { actions: 'setGoal' },
    RETIRE: { actions: 'retire' },
    SUSPEND: { actions: 'suspend' },
    RESUME: { actions: 'resume' },
    GATE: { actions: 'setGate' },
    UPHOLD: { actions: 'uphold' },
    MAIN_EXITED: { actions: ['noteEnded', 'noteExit'] },
    HEALTH: { actions: ['noteHealth', 'killUnhealthy'] },
    OUT_OF_MEMORY: { actions: 'noteMemory' },
    NOTIFIED: { actions: 'noteNotices' },
    STATUS: { actions: 'noteStatus' },
  },
  states: {
    /** What did an earlier agent leave? */
    resuming: {
      initial: 'asking',
      on: {
        ACTIVATE: { actions: 'activate' },
        SUSPEND: [{ guard: 'restKnown', actions: 'suspendAtRest' }, { actions: 'suspend' }],
      },
      always: { guard: 'retiring', target: 'retired' },
      states: {
        asking: {
          always: [
            { guard: rested('exited'), target: '#unit.active.exited' },
            { guard: rested('active'), target: '#unit.active.exited' },
            { guard: 'nothingToResume', target: '#unit.inactive' },
            { target: 'looking' },
          ],
        },
        looking: {
          invoke: {
            src: 'adoptMain',
            ...work,
            onDone: [
              { guard: wasFound, target: 'found', actions: takeUp },
              { guard: rested('failed'), target: '#unit.failed' },
              { target: '#unit.inactive' },
            ],
            onError: { target: 'waiting', actions: noteTrouble },
          },
        },
        found: {
          entry: watch,
          always: [
            { guard: 'oneshot', target: '#unit.activating.oneshot' },
            { guard: 'wasUnready', target: '#unit.activating.ready' },
            { target: '#unit.active' },
          ],
        },
        // Not knowing whether it runs, it must not start it.
        waiting: { after: { engineRetry: 'looking' } },
      },
    },

    inactive: {
      on: { SUSPEND: { actions: 'suspendAtRest' }, ACTIVATE: { actions: 'activate' } },
      always: [
        { guard: 'retiring', target: 'retired' },
        { guard: 'startWished', target: 'activating' },
      ],
    },

    failed: {
      on: { SUSPEND: { actions: 'suspendAtRest' }, ACTIVATE: { actions: 'activate' } },
      always: [
        { guard: 'retiring', target: 'retired' },
        { guard: 'startWished', target: 'activating' },
      ],
    },

    activating: {
      on: { EXPEL: { target: '#unit.deactivating.stopSigkill', actions: 'expel' } },
      initial: 'asked',
      states: {
        // Before everything else: a start that is left out does not count towards the limit either.
        asked: { always: [{ guard: 'untested', target: 'limit' }, { target: 'tests' }] },
        tests: {
          invoke: {
            src: 'testConditions',
            ...work,
            onDone: [
              { guard: ({ event }) => event.output === null, target: 'limit' },
              { target: '#unit.inactive', actions: leaveOut },
            ],
          },
        },
        limit: {
          always: [
            { guard: 'limitHit', target: '#unit.failed', actions: 'hitLimit' },
            { target: 'begun', actions: 'begin' },
          ],
        },
        begun: { always: [{ guard: 'needsEngine', target: 'engine' }, { target: 'prepared' }] },
        engine: {
          always: { guard: 'stopWished', target: '#unit.settling' },
          invoke: { src: 'awaitEngine', ...work, onDone: 'prepared', onError: { actions: noteTrouble } },
          after: { startTimeout: { target: '#unit.settling', actions: noteTimeout('waiting for the Docker engine') } },
        },
        prepared: {
          always: [
            { guard: 'stopWished', target: '#unit.deactivating.ended' },
            { guard: has('execCondition'), target: 'condition' },
            { target: 'admitted' },
          ],
        },
        condition: {
          always: { guard: 'stopWished', target: '#unit.deactivating.ended' },
          invoke: {
            ...run('execCondition'),
            onDone: [
              { guard: listDone, target: 'admitted' },
              { guard: listUnmet, target: '#unit.deactivating.ended', actions: noteUnmet },
              { target: '#unit.deactivating.ended', actions: noteFailure },
            ],
          },
        },
        admitted: { always: [{ guard: has('execStartPre'), target: 'startPre' }, { target: 'start' }] },
        startPre: {
          always: { guard: 'stopWished', target: '#unit.deactivating.ended' },
          invoke: {
            ...run('execStartPre'),
            onDone: [
              { guard: listDone, target: 'start' },
              { target: '#unit.deactivating.ended', actions: noteFailure },
            ],
          },
        },
        // Not left before the runtime has answered: a process that it started after all would be nobody's.
        start: {
          // It waits for the runtime here, too: the event comes again.
          on: { EXPEL: {} },
          always: { guard: 'nothingToStart', target: 'startPost' },
          invoke: {
            src: 'startMain',
            ...work,
            onDone: { target: 'started', actions: setMain },
            onError: { target: '#unit.deactivating.ended', actions: noteStartFailure },
          },
        },
        started: {
          entry: watch,
          always: [
            { guard: 'oneshot', target: 'oneshot' },
            { guard: 'saysWhenReady', target: 'ready' },
            { guard: isEmpty('execStartPost'), target: '#unit.active' },
            { target: 'startPost' },
          ],
        },
        /** It runs, and is waited for: until it says READY=1, is healthy, or has forked away. */
        ready: {
          always: [
            { guard: 'isReady', target: 'startPost' },
            { guard: 'isToDieOfMemory', target: '#unit.deactivating.stopSigkill' },
            { guard: 'hasFailed', target: '#unit.deactivating.stopSigterm' },
            { guard: 'brokeProtocol', target: '#unit.deactivating.stopSigterm', actions: noteProtocol },
            { guard: 'mainEnded', target: 'startPost' },
            { guard: 'lacksCheck', target: '#unit.deactivating.stopSigterm', actions: noteNoCheck },
            { guard: 'stopWished', target: '#unit.deactivating.stopSigterm' },
          ],
          invoke: {
            ...limit(startTimeoutMs),
            onDone: byMode('start', noteTimeout('becoming ready')),
          },
        },
        oneshot: {
          always: [
            { guard: 'isToDieOfMemory', target: '#unit.deactivating.stopSigkill' },
            { guard: 'hasFailed', target: '#unit.deactivating.stopSigterm' },
            { guard: 'stopWished', target: '#unit.deactivating.stopSigterm' },
            { guard: 'mainEndedWithMore', target: 'start', actions: [unwatch, 'nextCommand'] },
            { guard: 'mainEnded', target: 'startPost' },
          ],
          after: {
            startTimeout: byMode('start', noteTimeout('ExecStart=')),
          },
        },
        // Without ExecStartPost= a service is up as soon as it runs; and ExecStop= is for those that were up.
        startPost: {
          // Its main process runs: a start that is wished now is had already.
          on: { SET_GOAL: { actions: ['setGoal', 'fulfil'] } },
          always: [
            { guard: isEmpty('execStartPost'), target: '#unit.active' },
            { guard: 'isToDieOfMemory', target: '#unit.deactivating.stopSigkill' },
            { guard: 'ranOutOfMemory', target: '#unit.deactivating.stopSigterm' },
            { guard: 'stopWished', target: '#unit.deactivating.stopSigterm' },
          ],
          invoke: {
            ...run('execStartPost'),
            onDone: [
              { guard: listDone, target: '#unit.active' },
              { guard: listFailed, target: '#unit.deactivating.stopSigterm', actions: noteFailure },
              ...byMode('start', noteFailure),
            ],
          },
        },
        autoRestart: {
          on: { ACTIVATE: { actions: 'activate' } },
          always: [
            { guard: 'startWished', target: 'asked' },
            { guard: 'mustBeDown', target: '#unit.inactive', actions: 'comeBack' },
            { guard: 'stopWishedAtRest', target: '#unit.inactive' },
            { guard: 'awaitsCopy', target: '#unit.inactive', actions: 'comeBack' },
          ],
          after: { restartSec: { target: 'asked', actions: 'countRestart' } },
        },
      },
    },

    active: {
      entry: ['fulfil', 'armWatchdog'],
      on: {
        SET_GOAL: { actions: ['setGoal', 'fulfil'] },
        EXPEL: { target: '#unit.deactivating.stopSigkill', actions: 'expel' },
      },
      initial: 'running',
      states: {
        running: {
          always: [
            { guard: 'isToDieOfMemory', target: '#unit.deactivating.stopSigkill' },
            { guard: 'ranOutOfMemory', target: '#unit.deactivating.asked' },
            { guard: 'hasFailed', target: '#unit.deactivating.stopSigterm' },
            { guard: 'endedAndRemains', target: 'exited' },
            { guard: 'mainEnded', target: '#unit.deactivating.asked' },
            { guard: 'stopWished', target: '#unit.deactivating.asked' },
            { guard: 'unneeded', target: '#unit.deactivating.asked', actions: 'leave' },
            { guard: 'saysItHangs', target: '#unit.deactivating.stopWatchdog', actions: noteSilence },
            { guard: 'saysItStops', target: '#unit.deactivating.stopNotified' },
            { guard: 'isReloading', target: 'reloadNotified' },
            { guard: 'reloadWished', target: 'reload', actions: 'beginReload' },
          ],
          invoke: [
            {
              ...limit(runtimeMaxMs),
              onDone: { target: '#unit.deactivating.asked', actions: noteTimeout('running (RuntimeMaxSec=)') },
            },
            watchdog,
          ],
        },
        /** ExecReload= runs; whatever comes of it, the unit runs on. */
        reload: {
          always: [
            { guard: 'mainEnded', target: 'running' },
            { guard: 'ranOutOfMemory', target: 'running' },
            { guard: 'stopWished', target: 'running' },
          ],
          invoke: [
            {
              ...run('execReload'),
              onDone: [
                { guard: listDone, target: 'running', actions: { type: 'endReload', params: { failure: null } } },
                { target: 'running', actions: noteReloadFailure },
              ],
            },
            watchdog,
          ],
        },
        /** It said RELOADING=1, and not yet READY=1 again. */
        reloadNotified: {
          always: [
            { guard: 'mainEnded', target: 'running' },
            { guard: 'ranOutOfMemory', target: 'running' },
            { guard: 'stopWished', target: 'running' },
            { guard: 'saysItHangs', target: 'running' },
            { guard: 'saysItStops', target: 'running' },
            { guard: not('isReloading'), target: 'running' },
          ],
          invoke: [{ ...limit(startTimeoutMs), onDone: { target: 'running', actions: 'giveUpReload' } }, watchdog],
        },
        exited: {
          always: [
            { guard: 'stopWished', target: '#unit.deactivating.asked' },
            { guard: 'unneeded', target: '#unit.deactivating.asked', actions: 'leave' },
          ],
        },
      },
    },

    deactivating,

    /** Nothing is done any more: where to from here? */
    settling: {
      entry: [unwatch, 'forgetMain'],
      always: [
        { guard: 'retiring', target: 'retired', actions: tidyUp(false) },
        { guard: 'heldBack', target: 'inactive', actions: tidyUp(true) },
        { guard: 'wishedAgain', target: 'activating', actions: tidyUp(true) },
        { guard: 'autoRestarts', target: 'activating.autoRestart', actions: tidyUp(true) },
        { guard: 'endsFailed', target: 'failed', actions: ['rest', tidyUp(false)] },
        { target: 'inactive', actions: ['rest', tidyUp(false)] },
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
