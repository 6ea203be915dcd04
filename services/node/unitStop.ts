/** The part of a unit's chart in which it stops (systemd.service(5), systemd.kill(5)); `unitChart.ts` is the whole. */
import { unitSetup } from './unitSetup.ts';
import {
  byMode,
  isEmpty,
  limit,
  listDone,
  listFailed,
  noteFailure,
  noteTimeout,
  noteTrouble,
  run,
  work,
} from './unitSteps.ts';
import { abortTimeoutMs, stopTimeoutMs } from './unitWork.ts';

/** What becomes of the main process of a unit that takes too long to stop by itself. */
const tooLate = [
  { guard: 'sendsSigkill', target: '#unit.deactivating.stopSigkill', actions: noteTimeout('stopping') },
  { target: '#unit.deactivating.ended', actions: noteTimeout('stopping') },
] as const;

const [aborts] = byMode('stop', noteTimeout('stopping'));

const stopsTooLate = [aborts, ...tooLate] as const;

export const deactivating = unitSetup.createStateConfig({
  on: { EXPEL: { target: '.stopSigkill', actions: 'expel' }, ACTIVATE: { actions: 'activate' } },
  initial: 'asked',
  states: {
    asked: { always: [{ guard: isEmpty('execStop'), target: 'stopSigterm' }, { target: 'stop' }] },
    stop: {
      invoke: {
        ...run('execStop'),
        onDone: [
          { guard: listDone, target: 'stopSigterm' },
          { guard: listFailed, target: 'stopSigterm', actions: noteFailure },
          ...byMode('stop', noteFailure),
        ],
      },
    },
    stopSigterm: {
      always: [
        { guard: 'killsNothing', target: 'ended' },
        { guard: 'mainEnded', target: 'mainEnded' },
      ],
      invoke: [
        { src: 'askToStop', ...work, onError: { actions: noteTrouble } },
        { ...limit(stopTimeoutMs), onDone: stopsTooLate },
      ],
    },
    /** It said STOPPING=1: it ends without being told to. */
    stopNotified: {
      always: [
        { guard: 'mainEnded', target: 'mainEnded' },
        { guard: 'stopWished', target: 'stopSigterm' },
      ],
      invoke: { ...limit(stopTimeoutMs), onDone: stopsTooLate },
    },
    /** It hangs: it is to die of WatchdogSignal=. */
    stopWatchdog: {
      always: [
        { guard: 'killsNothing', target: 'ended' },
        { guard: 'mainEnded', target: 'mainEnded' },
      ],
      invoke: [
        { src: 'abortMain', ...work, onError: { actions: noteTrouble } },
        { ...limit(abortTimeoutMs), onDone: tooLate },
      ],
    },
    mainEnded: {
      always: [
        { guard: 'leavesRest', target: 'ended' },
        { guard: 'spareRest', target: 'ended' },
        { guard: 'killsRest', target: 'finalSigkill' },
        { target: 'stopRest' },
      ],
    },
    /** What the main process has left behind is asked to end, as it was. */
    stopRest: {
      invoke: [
        {
          src: 'endRest',
          ...work,
          onDone: 'ended',
          onError: { target: 'finalSigkill', actions: noteTrouble },
        },
        {
          ...limit(stopTimeoutMs),
          onDone: [
            {
              guard: 'sendsSigkill',
              target: 'finalSigkill',
              actions: noteTimeout('stopping what the main process left'),
            },
            { target: 'ended', actions: noteTimeout('stopping what the main process left') },
          ],
        },
      ],
    },
    stopSigkill: {
      always: { guard: 'mainEnded', target: 'finalSigkill' },
      invoke: { src: 'kill', ...work, onDone: 'ended' },
    },
    // What is left without the main process ends here.
    finalSigkill: {
      invoke: {
        src: 'sendFinalSignal',
        ...work,
        onDone: 'ended',
        onError: { target: 'ended', actions: noteTrouble },
      },
    },
    ended: {
      always: [
        { guard: 'expelled', target: '#unit.settling' },
        { guard: isEmpty('execStopPost'), target: '#unit.settling' },
        { target: 'stopPost' },
      ],
    },
    stopPost: {
      invoke: {
        ...run('execStopPost'),
        onDone: [
          { guard: listDone, target: 'stopPostRest' },
          { target: 'stopPostRest', actions: noteFailure },
        ],
      },
    },
    /** A main process that nobody killed, or could kill, may still end. */
    stopPostRest: {
      always: { guard: 'mainEnded', target: '#unit.settling' },
      invoke: {
        ...limit(stopTimeoutMs),
        onDone: { target: '#unit.settling', actions: noteTimeout('the end of the main process') },
      },
    },
  },
});
