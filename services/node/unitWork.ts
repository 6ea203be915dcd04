/** The work that a unit's actor has done for it: everything that takes time and touches the machine. */
import { delay } from '../../shared/clock/clock.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit } from '../../shared/protocol/node.ts';
import { type MainProcess, StartError } from './runtime/runtime.ts';
import { type CommandsOutcome, resolveCommand, runCommands, runtimeFor } from './unitCommands.ts';
import type { UnitContext } from './unitContext.ts';
import { type ControlList, controlEnvironment, unitEnvironment } from './unitEnvironment.ts';

/** How long it is waited before a runtime that did not answer is asked again. */
export const engineRetryMs = 1_000;
/** As good as infinity for a unit: 24 days, setTimeout's longest delay. */
const infinityMs = 2_147_483_647;
/** What systemd reports of a program that could not be executed: EXIT_EXEC, systemd.exec(5). */
const exitExec = 203;

/**
 * What an earlier agent started for the unit. Of a oneshot with several commands it is not known which of them it is:
 * those after the first run, some perhaps again.
 * @throws the runtime cannot tell now.
 */
export async function adoptMain({ assigned, spec, runtimes }: UnitContext): Promise<MainProcess | null> {
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
  const { assigned, spec, runtimes, clock, controls: running } = context;
  const { service } = spec;
  const stops = directive === 'execStop' || directive === 'execStopPost';
  const timeoutMs = stops ? service.timeoutStopMs : service.timeoutStartMs;
  try {
    const environment = controlEnvironment(await unitEnvironment(service, context.given?.()), directive, context);
    const commands = service[directive];
    return await runCommands(
      { unit: assigned.name, service, commands, environment, runtimes, clock, running, timeoutMs },
      signal,
    );
  } catch (error) {
    return { ok: false, exit: null, timedOut: false, message: reasonOf(error) };
  }
}

/** @throws {StartError} */
export async function startMain(context: UnitContext): Promise<MainProcess> {
  const { assigned, spec, runtimes, mainIndex } = context;
  const { service } = spec;
  const { name: unit, hash, cluster } = assigned;
  const written = service.execStart[mainIndex];
  if (!written) throw new StartError(`${unit} has no ExecStart= number ${mainIndex + 1}`);
  const token = startToken(assigned);
  try {
    const environment = await unitEnvironment(service, context.given?.());
    const command = resolveCommand(written, environment);
    const runtime = runtimeFor(runtimes, service, written);
    return await runtime.start({ unit, hash, token, cluster, service, environment, command });
  } catch (error) {
    if (!(written.ignoreFailure && error instanceof StartError)) throw error;
    return neverExecuted(token);
  }
}

/** The token that a start now carries: of its placement, or of the restart that was asked for since. */
function startToken({ token, restart }: AssignedUnit): number {
  return Math.max(token, restart);
}

/** Where a failure is ignored (`ExecStart=-…`), a program that is not there counts as one that failed. */
function neverExecuted(token: number): MainProcess {
  return { token, exited: Promise.resolve({ kind: 'exited', code: exitExec }), signal: async () => undefined };
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

/** Asks the main process to stop, and with `KillMode=control-group` all others too: systemd.kill(5). */
export async function askToStop({ main, spec }: UnitContext): Promise<void> {
  const { killMode, killSignal } = spec.service;
  await main?.signal(killSignal, killMode === 'control-group' ? 'all' : 'main');
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

/** Leaves no trace of the unit, whatever its kill mode. */
export async function cleanUp({ assigned, runtimes, controls }: UnitContext): Promise<void> {
  while (controls.size > 0) await Promise.all(controls);
  await Promise.all([runtimes.process.remove(assigned.name), runtimes.docker?.remove(assigned.name)]);
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
