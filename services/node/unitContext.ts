/** What a unit's actor knows, and how events change it. Where it stands is `unitChart.ts`'s to say. */
import type { Clock } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { Health } from '../../shared/domain/health.ts';
import type { ConditionFacts } from '../../shared/domain/testConditions.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { EndedCommands } from './endedCommands.ts';
import { type Gate, openGate } from './policy/ordering.ts';
import { isResult, type Result, recentStarts, resultOf } from './policy/restart.ts';
import { type Notices, noNotices } from './runtime/notify/notices.ts';
import { type Exit, exitOfFailedStart, type MainProcess, type PassedSockets, reportedExit } from './runtime/runtime.ts';
import type { Variables } from './unit.ts';
import { type CommandsOutcome, describeExit, type Runtimes } from './unitCommands.ts';
import { type Deadlines, noDeadlines, noticesOf } from './unitNotices.ts';

export interface UnitInput {
  assigned: AssignedUnit;
  spec: UnitSpec & { service: ServiceSpec };
  runtimes: Runtimes;
  clock: Clock;
  /** Sockets that other units have opened for it; asked right before it is started. */
  sockets?: () => PassedSockets | null;
  /** Variables that every unit finds in its environment. */
  given?: () => Readonly<Record<string, string>>;
  /** Makes the id of an activation: 128 random bits in hex. Absent: activations have none. */
  newInvocation?: () => string;
  /** How the unit was at rest when an earlier agent ended; it stays so. */
  rest: UnitReport | null;
  /** Whether it may run now; asked right before it is started. Default: it may. */
  mayStart?: () => boolean;
  /** What its conditions are tested on. Default: a machine on which every condition is met. */
  machine?: ConditionFacts;
  /** What it may do as far as other units are concerned. Default: everything. */
  gate?: Gate;
  /** It may not run from the beginning, until it is resumed. */
  suspended?: boolean;
  /** An earlier agent may have started it: what runs, or ended since, is taken up. */
  mayRun: boolean;
}

export interface UnitContext extends Omit<UnitInput, 'suspended' | 'gate'> {
  gate: Gate;
  /** To be stopped for good. */
  retiring: boolean;
  /** It must not run: its lease has run out. `resumes`: it did, and shall again when it may. */
  suspended: { resumes: boolean } | null;
  /** It is being killed because its lease is over: nothing else is run for it. */
  expelled: boolean;
  /** Another unit (a timer) started it, though it is only loaded: it may run until it ends or is told to stop. */
  activated: boolean;
  /** What that unit lets it know. */
  told: Variables;
  /** When another unit last started it, ms since 1970; null: it was started otherwise since. */
  activatedAt: number | null;
  /** A start was wished since the unit was last started. */
  startWished: boolean;
  restartWished: boolean;
  /** It shall read its configuration anew, as soon as it runs. */
  reloadWished: boolean;
  /** Why its last reload failed. */
  reloadFailure: string | null;
  /** The main process, until the unit is at rest again. */
  main: MainProcess | null;
  /** What the main process's health check last said; null: it has none. */
  health: Health | null;
  /** Which of the ExecStart= commands runs (a oneshot has several). */
  mainIndex: number;
  result: Result;
  /** Nothing of the last activation could be made to end (`SendSIGKILL=no`): its main process is still there. */
  outlived: boolean;
  /** Control commands that have not ended yet; those of a state that was left are being killed. */
  controls: Set<Promise<void>>;
  /** Id of this activation; null: there was none yet, or nobody knows. */
  invocation: string | null;
  /** Commands of this activation that have ended. */
  ended: EndedCommands;
  /** What the main process has said. */
  notices: Notices;
  /** Its `STATUS=`. */
  status: string | null;
  deadlines: Deadlines;
  /** The reload that it announced and did not finish in time: which message that was. */
  reloadGivenUp: number;
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
  /** Another unit starts it. */
  | { type: 'ACTIVATE'; reason: string; told: Variables }
  /** Its lease has run out: it must not run until it is resumed. */
  | { type: 'SUSPEND'; reason: string }
  | { type: 'RESUME' }
  /** What has not stopped since it was suspended is killed. */
  | { type: 'EXPEL' }
  /** Other units stand otherwise than before. */
  | { type: 'GATE'; gate: Gate }
  /** It has ended, and another unit wants it to run. */
  | { type: 'UPHOLD' }
  | { type: 'MAIN_EXITED'; exit: Exit }
  /** The kernel has killed one of its processes. */
  | { type: 'OUT_OF_MEMORY' }
  | { type: 'HEALTH'; health: Health; complaint: string | undefined }
  /** The main process has said something. */
  | { type: 'NOTIFIED'; notices: Notices }
  | { type: 'STATUS'; status: string };

export function initialContext(input: UnitInput): UnitContext {
  const { assigned, rest } = input;
  const activated = rest !== null && assigned.desired === 'loaded' && rest.goal === assigned.goal && isExited(rest);
  return {
    ...input,
    gate: input.gate ?? openGate,
    retiring: false,
    suspended: input.suspended ? { resumes: rest === null } : null,
    expelled: false,
    activated,
    told: {},
    activatedAt: rest?.activatedAt ?? null,
    startWished: assigned.desired === 'launched' && (rest === null || isNewStart(rest, assigned)),
    restartWished: false,
    reloadWished: false,
    reloadFailure: null,
    main: null,
    health: null,
    mainIndex: 0,
    outlived: false,
    controls: new Set(),
    invocation: rest?.invocation ?? null,
    ended: new EndedCommands(),
    ...nothingSaid(),
    result: isResult(rest?.result) ? rest.result : 'success',
    exit: rest?.exit ? reportedExit(rest.exit) : null,
    reason: rest?.reason ?? '',
    starts: [],
    restarts: rest?.restarts ?? 0,
  };
}

/** Nothing of it runs, and yet it is active. */
function isExited({ active, sub }: UnitReport): boolean {
  return active === 'active' && (sub === 'exited' || sub === 'active');
}

/** A reload is no start: what has ended stays so. */
function isNewStart(rest: UnitReport, { goal, reload }: AssignedUnit): boolean {
  return rest.goal < goal && goal !== reload;
}

/** The wishes that a new goal brings with it. A start that is wished anew is not held back by the start limit. */
export function wishes(context: UnitContext, assigned: AssignedUnit): Partial<UnitContext> {
  const launched = assigned.desired === 'launched';
  const isNew = assigned.goal > context.assigned.goal;
  const activated = context.activated && !isNew;
  const stops = !launched && !activated && isLaunched(context);
  // What an earlier agent started for this very restart need not be started again.
  const isRestarted = context.main !== null && context.main.token >= assigned.restart;
  const restarts = launched && assigned.restart > context.assigned.restart && !isRestarted;
  return {
    assigned,
    ...(stops ? { reason: 'a stop was asked for' } : restarts ? { reason: 'a restart was asked for' } : {}),
    activated,
    ...(isNew ? { told: {}, activatedAt: null } : {}),
    startWished:
      (launched && isNew && assigned.goal !== assigned.reload) || ((launched || activated) && context.startWished),
    reloadWished: launched && (context.reloadWished || (assigned.reload ?? 0) > (context.assigned.reload ?? 0)),
    restartWished: launched && (context.restartWished || restarts),
    starts: isNew ? [] : context.starts,
  };
}

function startedBy({ activated: isActivated, reason }: UnitContext): string {
  return isActivated ? reason : 'started';
}

/** An earlier agent's main process is this one's from now on; a restart that was asked for since is still to be done. */
export function takenUp(context: UnitContext, main: MainProcess): Partial<UnitContext> {
  const { assigned } = context;
  const restartWished = assigned.desired === 'launched' && main.token < assigned.restart;
  const reason = 'adopted: an earlier agent of this machine had started it';
  // What was started after it was last told to stop was started by another unit.
  const activated = assigned.desired === 'loaded' && main.token >= assigned.goal;
  const invocation = main.invocation ?? null;
  const fresh = { invocation, notices: noticesOf(main), health: main.health ?? null, startWished: false };
  const outcome = { result: 'success', exit: null } as const;
  const suspended = context.suspended && { resumes: true };
  return { main, activated, ...fresh, ...outcome, suspended, restartWished, reason };
}

/** Whether a main process that runs may have been started after the rest that is known; what may outlive a rest was not. */
export function isSinceRest({ rest, spec: { service } }: UnitContext, { token }: MainProcess): boolean {
  if (rest === null) return true;
  return token >= rest.goal && service.sendSigkill && service.killMode !== 'none';
}

/** What ran when it was suspended, or should have, runs again. */
export function resumed(context: UnitContext): Partial<UnitContext> {
  const isWished = context.suspended?.resumes === true && isLaunched(context);
  return { suspended: null, expelled: false, ...(isWished ? { startWished: true } : {}) };
}

/** Of a service that has not begun. */
function nothingSaid(): Pick<UnitContext, 'notices' | 'status' | 'deadlines' | 'reloadGivenUp'> {
  return { notices: noNotices, status: null, deadlines: noDeadlines(), reloadGivenUp: 0 };
}

/** It is to run: the cluster wishes it, or another unit started it. */
export function isLaunched({ assigned, activated }: UnitContext): boolean {
  return assigned.desired === 'launched' || activated;
}

/** Another unit starts it. */
export function activated(
  { assigned, clock }: UnitContext,
  { reason, told }: { reason: string; told: Variables },
): Partial<UnitContext> {
  return { activated: assigned.desired !== 'launched', startWished: true, reason, told, activatedAt: clock.now() };
}

/** `StopWhenUnneeded=`: what another unit has started ends when nobody needs it any more. */
export function isUnneeded({ activated: isActivated, spec, gate }: UnitContext): boolean {
  return isActivated && spec.stopWhenUnneeded === true && !gate.needed;
}

/** A fresh activation. */
export function begun(context: UnitContext): Partial<UnitContext> {
  const { clock, spec, startWished, restartWished, restarts } = context;
  const now = clock.monotonicNow();
  return {
    startWished: false,
    restartWished: false,
    reloadWished: false,
    reloadFailure: null,
    main: null,
    mainIndex: 0,
    outlived: false,
    result: 'success',
    exit: null,
    invocation: context.newInvocation?.() ?? null,
    ended: new EndedCommands(),
    ...nothingSaid(),
    reason: restartWished ? 'a restart was asked for' : startWished ? startedBy(context) : 'Restart= applies',
    starts: [...recentStarts(context.starts, now, spec.service.startLimit), now],
    restarts: startWished || restartWished ? 0 : restarts,
  };
}

/** The main process ended; an earlier failure (a time-out, say) stays the result. */
export function ended(context: UnitContext, exit: Exit): Partial<UnitContext> {
  const { spec, mainIndex, notices } = context;
  const isForgiven = exit.kind !== 'lost' && spec.service.execStart[mainIndex]?.ignoreFailure === true;
  const result = isForgiven ? 'success' : resultOf(spec.service, exit);
  const why = notices.errno === undefined ? '' : ` (it said ERRNO=${notices.errno})`;
  return { exit, result: firstFailure(context, result), reason: `main process ${describeExit(exit)}${why}` };
}

/** A process of it was killed, and its main process may run on: systemd.service(5), `OOMPolicy=`. */
export function ranOutOfMemory(context: UnitContext): Partial<UnitContext> {
  if (mainEnded(context) || context.result !== 'success') return {};
  return failed(context, { result: 'oom-kill', reason: 'its memory ran out, and the kernel killed a process of it' });
}

/** It is not started after all, and stays as it was. */
export function leftOut({ result, reason }: Failure): Partial<UnitContext> {
  return { result, reason, startWished: false, restartWished: false, main: null, exit: null };
}

/** What its health check says is other than before. */
export function checked(
  context: UnitContext,
  { health, complaint }: { health: Health; complaint: string | undefined },
): Partial<UnitContext> {
  if (health === context.health) return {};
  return { health, reason: `its health check says ${health}${complaint === undefined ? '' : `: ${complaint}`}` };
}

export interface Failure {
  result: Result;
  reason: string;
}

/** The first failure of an activation is its result, with its reason, whatever fails in its wake. */
export function failed(context: UnitContext, { result, reason }: Failure): Partial<UnitContext> {
  return context.result === 'success' ? { result, reason } : {};
}

/** The main command was never executed. */
export function failedStart(context: UnitContext, error: unknown): Partial<UnitContext> {
  const exit = exitOfFailedStart(error);
  const reason = error instanceof Error ? error.message : String(error);
  if (exit === null) return failed(context, { result: 'resources', reason });
  return { ...failed(context, { result: resultOf(context.spec.service, exit), reason }), exit };
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

/** A service that was to fork away and has not come to that never had a main process: what has ended is none. */
export function hasMain({ spec, notices }: UnitContext): boolean {
  return spec.service.type !== 'forking' || notices.mainPid !== undefined;
}

export function mainEnded({ main, exit }: UnitContext): boolean {
  return main === null || exit !== null;
}

/** A start is wished that nothing but other units, or its own copy elsewhere, holds back. */
export function isHeldBack(context: UnitContext): boolean {
  const { retiring, suspended, startWished, restartWished } = context;
  const isWished = isLaunched(context) && !retiring && suspended === null && (startWished || restartWished);
  return isWished && !isOpen(context);
}

/** A start is wished, or what ran is to run again, and it may not without a lease. */
export function awaitsLease(context: UnitContext): boolean {
  const { retiring, suspended, startWished, restartWished } = context;
  return suspended !== null && !retiring && isLaunched(context) && (suspended.resumes || startWished || restartWished);
}

export function isOpen(context: UnitContext): boolean {
  return startGate(context) === null && context.gate.down === null;
}

/** Why a start has to wait, or fails: for its copy elsewhere, or for other units. */
export function startGate({ assigned: { awaits }, gate }: UnitContext): Gate['start'] {
  return awaits === undefined ? gate.start : { kind: 'wait', reason: `waiting for its copy on ${awaits} to end` };
}

/** What must not run because of another unit runs again when that does. */
export function gated(context: UnitContext, gate: Gate): Partial<UnitContext> {
  const comesBack = gate.down !== null && isLaunched(context) && isUp(context);
  return { gate, ...(comesBack ? { startWished: true, reason: gate.down ?? '' } : {}) };
}

const notUpheld: readonly Result[] = ['start-limit-hit', 'condition', 'assert', 'exec-condition'];

/** What could not start, or not so often, is left alone: it would never come to rest. */
export function mayBeUpheld({ assigned, suspended, result }: UnitContext): boolean {
  return assigned.desired === 'launched' && suspended === null && !notUpheld.includes(result);
}

/** The main process runs, or a oneshot has done its work. */
export function isUp(context: UnitContext): boolean {
  return context.result === 'success' && (!mainEnded(context) || context.spec.service.type === 'oneshot');
}
