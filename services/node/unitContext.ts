/** What a unit's actor knows, and how events change it. Where it stands is `unitActor.ts`'s to say. */
import type { Clock } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { isResult, type Result, recentStarts, resultOf } from './policy/restart.ts';
import type { Exit, MainProcess } from './runtime/runtime.ts';
import { type CommandsOutcome, describeExit, type Runtimes } from './unitCommands.ts';

export interface UnitInput {
  assigned: AssignedUnit;
  spec: UnitSpec & { service: ServiceSpec };
  runtimes: Runtimes;
  clock: Clock;
  /** Variables that every unit finds in its environment. */
  given?: () => Readonly<Record<string, string>>;
  /** How the unit was at rest when an earlier agent ended; it stays so. */
  rest: UnitReport | null;
  /** An earlier agent may have started it: what runs, or ended since, is taken up. */
  mayRun: boolean;
}

export interface UnitContext extends UnitInput {
  /** To be stopped for good. */
  retiring: boolean;
  /** A start was wished since the unit was last started. */
  startWished: boolean;
  restartWished: boolean;
  /** The main process, until the unit is at rest again. */
  main: MainProcess | null;
  /** Which of the ExecStart= commands runs (a oneshot has several). */
  mainIndex: number;
  result: Result;
  /** Control commands that have not ended yet; those of a state that was left are being killed. */
  controls: Set<Promise<void>>;
  /** How the main process ended, if it has. */
  exit: Exit | null;
  reason: string;
  /** Monotonic times of the last starts, ms. */
  starts: number[];
  /** How often `Restart=` applied since the last start that was wished. */
  restarts: number;
}

export type UnitEvent =
  | { type: 'SET_GOAL'; assigned: AssignedUnit }
  /** Stop for good and clean up. */
  | { type: 'RETIRE'; reason: string }
  | { type: 'MAIN_EXITED'; exit: Exit };

export function initialContext(input: UnitInput): UnitContext {
  const { assigned, rest } = input;
  return {
    ...input,
    retiring: false,
    startWished: assigned.desired === 'launched' && (rest === null || rest.goal < assigned.goal),
    restartWished: false,
    main: null,
    mainIndex: 0,
    controls: new Set(),
    result: isResult(rest?.result) ? rest.result : 'success',
    exit: rest?.exit ? exitOf(rest.exit) : null,
    reason: rest?.reason ?? '',
    starts: [],
    restarts: rest?.restarts ?? 0,
  };
}

function exitOf(reported: NonNullable<UnitReport['exit']>): Exit {
  if ('code' in reported) return { kind: 'exited', code: reported.code };
  return { kind: 'killed', signal: reported.signal };
}

/** The wishes that a new goal brings with it. A start that is wished anew is not held back by the start limit. */
export function wishes(context: UnitContext, assigned: AssignedUnit): Partial<UnitContext> {
  const launched = assigned.desired === 'launched';
  const isNew = assigned.goal > context.assigned.goal;
  const stops = !launched && context.assigned.desired === 'launched';
  const restarts = launched && assigned.restart > context.assigned.restart;
  return {
    assigned,
    ...(stops ? { reason: 'a stop was asked for' } : restarts ? { reason: 'a restart was asked for' } : {}),
    startWished: launched && (isNew || context.startWished),
    restartWished: launched && (context.restartWished || restarts),
    starts: isNew ? [] : context.starts,
  };
}

/** An earlier agent's main process is this one's from now on; a restart that was asked for since is still to be done. */
export function takenUp({ assigned }: UnitContext, main: MainProcess): Partial<UnitContext> {
  const restartWished = assigned.desired === 'launched' && main.token < assigned.restart;
  const reason = 'adopted: an earlier agent of this machine had started it';
  return { main, startWished: false, restartWished, reason };
}

/** A fresh activation. */
export function begun(context: UnitContext): Partial<UnitContext> {
  const { clock, spec, startWished, restartWished, restarts } = context;
  const now = clock.monotonicNow();
  return {
    startWished: false,
    restartWished: false,
    main: null,
    mainIndex: 0,
    result: 'success',
    exit: null,
    reason: restartWished ? 'a restart was asked for' : startWished ? 'started' : 'Restart= applies',
    starts: [...recentStarts(context.starts, now, spec.service.startLimit), now],
    restarts: startWished || restartWished ? 0 : restarts,
  };
}

/** The main process ended; an earlier failure (a time-out, say) stays the result. */
export function ended(context: UnitContext, exit: Exit): Partial<UnitContext> {
  const { spec, mainIndex } = context;
  const isForgiven = exit.kind !== 'lost' && spec.service.execStart[mainIndex]?.ignoreFailure === true;
  const result = isForgiven ? 'success' : resultOf(spec.service, exit);
  return { exit, result: firstFailure(context, result), reason: `main process ${describeExit(exit)}` };
}

export interface Failure {
  result: Result;
  reason: string;
}

/** The first failure of an activation is its result, whatever fails in its wake. */
export function failed(context: UnitContext, { result, reason }: Failure): Partial<UnitContext> {
  return { result: firstFailure(context, result), reason };
}

function firstFailure({ result: known }: UnitContext, result: Result): Result {
  return known === 'success' ? result : known;
}

/** What a failed control command means for the unit. */
export function controlFailure(outcome: CommandsOutcome): Failure {
  if (outcome.ok) return { result: 'success', reason: '' };
  const { exit, timedOut, message: reason } = outcome;
  if (timedOut) return { result: 'timeout', reason };
  return { result: exit === null ? 'resources' : exit.kind === 'exited' ? 'exit-code' : 'signal', reason };
}

/** ExecCondition=: exit codes 1 to 254 mean "not now", which is no failure. */
export function isUnmetCondition(outcome: CommandsOutcome): boolean {
  return !outcome.ok && !outcome.timedOut && outcome.exit?.kind === 'exited' && outcome.exit.code < 255;
}

export function mainEnded({ main, exit }: UnitContext): boolean {
  return main === null || exit !== null;
}

/** The main process runs, or a oneshot has done its work. */
export function isUp(context: UnitContext): boolean {
  return context.result === 'success' && (!mainEnded(context) || context.spec.service.type === 'oneshot');
}
