/** The work that a unit's actor has done for it: everything that takes time and touches the machine. */
import { delay } from '../../shared/clock/clock.ts';
import type { Health } from '../../shared/domain/health.ts';
import { type ConditionFacts, unmetCondition } from '../../shared/domain/testConditions.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import { type Exit, exitOfFailedStart, listenVariables, type MainProcess, StartError } from './runtime/runtime.ts';
import type { Variables } from './unit.ts';
import { type CommandsOutcome, resolveCommand, runCommands, runtimeFor } from './unitCommands.ts';
import { type Failure, hasMain, isSinceRest, type UnitContext } from './unitContext.ts';
import { makeDirectories } from './unitDirectories.ts';
import { type ControlList, controlEnvironment, monitorVariables, unitEnvironment } from './unitEnvironment.ts';

/** How long it is waited before a runtime that did not answer is asked again. */
export const engineRetryMs = 1_000;
/** As good as infinity for a unit: 24 days, setTimeout's longest delay. */
const infinityMs = 2_147_483_647;

/**
 * What an earlier agent started for the unit. Where the unit is known to have been at rest, it is what that agent started
 * afterwards, and was killed before it had written that down.
 * @throws the runtime cannot tell now.
 */
export async function adoptMain(context: UnitContext): Promise<MainProcess | null> {
  const main = await findMain(context);
  if (main === null || !isSinceRest(context, main)) return null;
  const { rest, clock } = context;
  if (rest === null) return main;
  // The traces of what came to that rest are still there.
  const isOver = await Promise.race([main.exited.then(() => true), delay(clock, 0).then(() => false)]);
  return isOver ? null : main;
}

/** Of a oneshot with several commands it is not known which of them it is: those after the first run, some perhaps again. */
async function findMain({ assigned, spec, runtimes }: UnitContext): Promise<MainProcess | null> {
  const { image, execStart } = spec.service;
  const inContainers = execStart.map(({ docker }) => image !== undefined || docker !== undefined);
  for (const inContainer of new Set(inContainers)) {
    const runtime = inContainer ? runtimes.docker : runtimes.process;
    const main = await runtime?.adopt({ unit: assigned.name, hash: assigned.hash });
    if (main) return main;
  }
  return null;
}

export function needsEngine(spec: UnitSpec): boolean {
  const { Requires = [], Requisite = [], BindsTo = [] } = spec.dependencies;
  const required = [...Requires, ...Requisite, ...BindsTo];
  return required.includes('docker.service') || spec.placement.runtimes.includes('docker');
}

/** Null: it may be started; else what becomes of the start, and why. */
export async function testConditions({
  spec,
  machine,
}: {
  spec: Pick<UnitSpec, 'conditions' | 'asserts'>;
  machine?: ConditionFacts;
}): Promise<Failure | null> {
  if (machine === undefined) return null;
  const condition = await unmetCondition(spec.conditions, machine);
  if (condition !== null) return { result: 'condition', reason: condition };
  const assertion = await unmetCondition(spec.asserts, machine);
  return assertion === null ? null : { result: 'assert', reason: assertion };
}

/** `Requires=docker.service`: waits until the engine answers. A machine without one is told at the start itself. */
export async function awaitEngine({ runtimes, clock }: UnitContext, signal: AbortSignal): Promise<void> {
  while (runtimes.docker && !signal.aborted && (await runtimes.docker.unavailable()) !== null) {
    await delay(clock, engineRetryMs, signal);
  }
}

/** Runs the commands of one Exec directive; each has the unit's time for starting, or for stopping. */
export async function runList(
  context: UnitContext,
  directive: ControlList,
  signal: AbortSignal,
): Promise<CommandsOutcome> {
  const { assigned, spec, runtimes, clock, controls: running, ended } = context;
  const { service } = spec;
  const stops = directive === 'execStop' || directive === 'execStopPost';
  const timeoutMs = stops ? service.timeoutStopMs : service.timeoutStartMs;
  try {
    const { main, exit } = hasMain(context) ? context : { main: null, exit: null };
    const told = { main, exit, result: context.result };
    const ofStart = directive === 'execStartPre' ? startVariables(context) : {};
    const environment = controlEnvironment(await environmentOf(context, ofStart), directive, told);
    const commands = service[directive];
    return await runCommands(
      { directive, unit: assigned.name, service, commands, environment, runtimes, clock, running, ended, timeoutMs },
      signal,
    );
  } catch (error) {
    return { ok: false, exit: null, timedOut: false, message: reasonOf(error) };
  }
}

/** Of all its commands; what they are told of is made for that. */
async function environmentOf(
  { spec: { service }, given, invocation, told }: UnitContext,
  ofCommand: Variables = {},
): Promise<Record<string, string>> {
  const ofActivation = { ...(invocation === null ? {} : { INVOCATION_ID: invocation }), ...told, ...ofCommand };
  const directories = await makeDirectories(service);
  return { ...directories, ...(await unitEnvironment(service, { ...given?.(), ...ofActivation })) };
}

/** What `ExecStartPre=` and `ExecStart=` alone are told. */
function startVariables({ assigned: { monitored } }: UnitContext): Variables {
  return monitored ? monitorVariables(monitored) : {};
}

/** @throws {StartError} */
export async function startMain(context: UnitContext): Promise<MainProcess> {
  const { assigned, spec, runtimes, mainIndex } = context;
  const { service } = spec;
  const { name: unit, hash, cluster } = assigned;
  const written = service.execStart[mainIndex];
  if (!written) throw new StartError(`${unit} has no ExecStart= number ${mainIndex + 1}`);
  const token = startToken(context);
  try {
    const sockets = context.sockets?.() ?? null;
    const listening = sockets ? listenVariables(sockets.names) : {};
    const environment = { ...(await environmentOf(context, startVariables(context))), ...listening };
    const command = resolveCommand(written, environment);
    const runtime = runtimeFor(runtimes, service, written);
    if (sockets && runtime.kind === 'docker') throw new StartError(`${unit} is a container, and is handed no sockets`);
    const { mayStart } = context;
    const identity = { unit, hash, token, invocation: context.invocation ?? undefined, cluster };
    const request = { ...identity, service, environment, command, mayStart };
    return await runtime.start(sockets ? { ...request, sockets } : request);
  } catch (error) {
    if (written.ignoreFailure && error instanceof StartError) return neverExecuted(token);
    const exit = exitOfFailedStart(error);
    if (exit) context.ended.note('execStart', { line: written.line, exit });
    throw error;
  }
}

/** Notes how the main process has ended, for those who look at the unit. */
export function noteMainEnd({ spec, main, mainIndex, ended }: UnitContext, exit: Exit): void {
  const command = spec.service.execStart[mainIndex];
  if (command) ended.note('execStart', { line: command.line, pid: main?.pid, exit });
}

/** The token that a start now carries: of its placement, or of the last wish, if that is newer. */
function startToken({ assigned: { token, restart, goal } }: UnitContext): number {
  return Math.max(token, restart, goal);
}

/** Where a failure is ignored (`ExecStart=-…`), a program that is not there counts as one that has done its work. */
function neverExecuted(token: number): MainProcess {
  return { token, exited: Promise.resolve({ kind: 'exited', code: 0 }), signal: async () => undefined };
}

/** `TimeoutStopSec=`, ms. */
export function stopTimeoutMs({ timeoutStopMs }: ServiceSpec): number {
  return timeoutStopMs ?? infinityMs;
}

export function runtimeMaxMs(service: ServiceSpec): number {
  return service.runtimeMaxMs ?? infinityMs;
}

/** The time for starting, ms. */
export function startTimeoutMs({ timeoutStartMs }: ServiceSpec): number {
  return timeoutStartMs ?? infinityMs;
}

/** The time for dying of the watchdog's signal, ms. */
export function abortTimeoutMs(service: ServiceSpec): number {
  const { timeoutAbortMs } = service;
  return timeoutAbortMs === undefined ? stopTimeoutMs(service) : (timeoutAbortMs ?? infinityMs);
}

/** What hangs is killed so that it leaves a core: systemd.service(5), `WatchdogSec=`. */
export async function abortMain({ main, spec }: UnitContext): Promise<void> {
  const { killMode, watchdogSignal } = spec.service;
  await main?.signal(watchdogSignal, killMode === 'control-group' ? 'all' : 'main');
}

/** Asks the main process to stop, and with `KillMode=control-group` all others too: systemd.kill(5). */
export async function askToStop({ main, spec, restartWished }: UnitContext): Promise<void> {
  const { killMode, killSignal, restartKillSignal = killSignal, sendSighup } = spec.service;
  const to = killMode === 'control-group' ? 'all' : 'main';
  await main?.signal(restartWished ? restartKillSignal : killSignal, to);
  if (sendSighup) await main?.signal('SIGHUP', to);
}

/**
 * Asks what the main process has left behind to end (systemd.kill(5), `KillMode=control-group`), and resolves when nothing
 * is left.
 */
export async function endRest({ main, spec }: UnitContext, signal: AbortSignal): Promise<void> {
  if (!main?.emptied || (await main.emptied(AbortSignal.abort()))) return;
  await main.signal(spec.service.killSignal, 'all');
  await main.emptied(signal);
}

/**
 * Sends the final signal, which nothing should withstand, and resolves when something has for `TimeoutStopSec=`. While
 * the runtime cannot deliver it (its engine is away), it is sent again: given up, the unit would run on unnoticed.
 */
export async function kill(context: UnitContext, signal: AbortSignal): Promise<void> {
  const { clock, spec } = context;
  while (!(await tryKill(context)) && !signal.aborted) await delay(clock, engineRetryMs, signal);
  await delay(clock, stopTimeoutMs(spec.service), signal);
}

async function tryKill(context: UnitContext): Promise<boolean> {
  return sendFinalSignal(context).then(
    () => true,
    () => false,
  );
}

/** Of what the main process left behind, the kill mode says what is killed too; `SendSIGKILL=no` spares it. */
export async function sendFinalSignal({ main, spec }: UnitContext): Promise<void> {
  const { killMode, finalKillSignal, sendSigkill } = spec.service;
  if (!sendSigkill || killMode === 'none') return;
  await main?.signal(finalKillSignal, killMode === 'process' ? 'main' : 'all');
}

/** Kills the main process of a unit that wants that, when its health check says unhealthy. */
export function killUnhealthy({ main, spec, exit }: UnitContext, health: Health): void {
  if (health !== 'unhealthy' || spec.service.onUnhealthy !== 'kill' || exit !== null) return;
  // While the engine is away nothing is checked either: what it says then is past.
  main?.signal('SIGKILL', 'main').catch(() => undefined);
}

/** Leaves no trace of the unit, whatever its kill mode. */
export async function cleanUp({ assigned, runtimes, controls }: UnitContext): Promise<void> {
  while (controls.size > 0) await Promise.all(controls);
  await Promise.all([runtimes.process.remove(assigned.name), runtimes.docker?.remove(assigned.name)]);
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
