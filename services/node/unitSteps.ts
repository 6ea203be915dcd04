/** What the states of a unit's chart (`unitChart.ts`, `unitStop.ts`) are put together from. */
import type { ServiceSpec } from '../../shared/domain/unitSpec.ts';
import type { CommandsOutcome } from './unitCommands.ts';
import { controlFailure, type Failure } from './unitContext.ts';
import type { ControlList } from './unitEnvironment.ts';
import type { Work } from './unitSetup.ts';

export type OfList = { event: { output: CommandsOutcome } };

export type OfError = { event: { error: unknown } };

export const work = { input: ({ context }: Work) => ({ context }) } as const;

/** Runs the commands of one Exec directive. */
export const run = (list: ControlList) =>
  ({ src: 'runList', input: ({ context }: Work) => ({ context, list }) }) as const;

/** A time limit that the service may move (`EXTEND_TIMEOUT_USEC=`). */
export const limit = (limitMs: (service: ServiceSpec) => number) =>
  ({
    src: 'timeLimit',
    input: ({ context }: Work) => ({ context, limitMs: limitMs(context.spec.service) }),
  }) as const;

export const isEmpty =
  (list: ControlList) =>
  ({ context }: Work) =>
    context.spec.service[list].length === 0;

export const has =
  (list: ControlList) =>
  ({ context }: Work) =>
    context.spec.service[list].length > 0;

export const listDone = ({ event }: OfList) => event.output.ok;

export const listFailed = ({ event }: OfList) => !event.output.ok && !event.output.timedOut;

export const fail = (failureIn: (event: { output: CommandsOutcome }) => Failure) =>
  ({ type: 'fail', params: ({ event }: OfList) => failureIn(event) }) as const;

export const noteFailure = fail(({ output }) => controlFailure(output));

export const noteTimeout = (what: string) =>
  ({ type: 'fail', params: { result: 'timeout', reason: `${what} took too long` } }) as const;

export const noteTrouble = { type: 'noteTrouble', params: ({ event }: OfError) => ({ error: event.error }) } as const;

/** `TimeoutStartFailureMode=`, `TimeoutStopFailureMode=`: the same, where that says what is done; `actions` note why. */
export const byMode = <Phase extends 'start' | 'stop', Actions>(phase: Phase, actions: Actions) =>
  [
    { guard: `${phase}Aborts`, target: '#unit.deactivating.stopWatchdog', actions },
    { guard: `${phase}Kills`, target: '#unit.deactivating.stopSigkill', actions },
    { guard: `${phase}Spares`, target: '#unit.deactivating.ended', actions },
    { target: '#unit.deactivating.stopSigterm', actions },
  ] as const;
