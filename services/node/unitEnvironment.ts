/** Environment of a unit's commands: systemd.exec(5), "ENVIRONMENT" and "ENVIRONMENT VARIABLES SET". */
import { readFile, stat } from 'node:fs/promises';
import { parseEnvironmentFile } from '../../shared/domain/environmentFile.ts';
import type { MonitoredEnd } from '../../shared/domain/triggering.ts';
import type { ServiceSpec } from '../../shared/domain/unitSpec.ts';
import type { Result } from './policy/restart.ts';
import { loginVariables } from './runtime/process/accounts.ts';
import { type Exit, type MainProcess, reportedExit, StartError } from './runtime/runtime.ts';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where the key/value store is, and how to log in to it: for units, of whatever runtime. */
export const storeVariables = ['FLOTILLA_KV_ENDPOINT', 'FLOTILLA_KV_USER', 'FLOTILLA_KV_PASSWORD'] as const;

/**
 * What every command of the unit finds in its environment: first what the node gives to all units, then what the unit says.
 * @throws {StartError} a file of `EnvironmentFile=` cannot be read and is not optional, or there is no such user.
 */
export async function unitEnvironment(
  service: ServiceSpec,
  given: Readonly<Record<string, string>> = {},
): Promise<Record<string, string>> {
  const environment: Record<string, string> = { ...(await ownEnvironment(service)), ...given };
  for (const name of service.passEnvironment) {
    const value = process.env[name];
    if (value !== undefined) environment[name] = value;
  }
  Object.assign(environment, service.environment);
  for (const file of service.environmentFiles) Object.assign(environment, await readEnvironmentFile(file));
  return without(environment, service.unsetEnvironment);
}

/** An image has a path, a language and users of its own. */
async function ownEnvironment({ user, image }: ServiceSpec): Promise<Record<string, string>> {
  if (image !== undefined) return {};
  const path = { PATH: process.env.PATH ?? defaultPath, LANG: process.env.LANG ?? 'C.UTF-8' };
  return user === undefined ? path : { ...path, ...(await loginVariables(user)) };
}

/** Removes variables by their name, or by name and value. */
function without(environment: Record<string, string>, unset: readonly string[]): Record<string, string> {
  if (unset.length === 0) return environment;
  const isKept = ([name, value]: [string, string]) => !unset.includes(name) && !unset.includes(`${name}=${value}`);
  return Object.fromEntries(Object.entries(environment).filter(isKept));
}

const maxFileBytes = 1024 * 1024;

async function readEnvironmentFile(file: { path: string; optional: boolean }): Promise<Record<string, string>> {
  try {
    const found = await stat(file.path);
    // A pipe or a device may never end, and would keep this agent busy for ever.
    if (!found.isFile()) throw new Error('it is not a regular file');
    if (found.size > maxFileBytes) throw new Error(`it has more than ${maxFileBytes} bytes`);
    return parseEnvironmentFile(await readFile(file.path, 'utf8'));
  } catch (cause) {
    if (file.optional) return {};
    throw new StartError(`EnvironmentFile=${file.path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** The directives whose commands are run beside, before or after the main process. */
export type ControlList =
  | 'execCondition'
  | 'execStartPre'
  | 'execStartPost'
  | 'execReload'
  | 'execStop'
  | 'execStopPost';

/** The same for control commands: they are also told of the main process and, when it stops, of how the unit fared. */
export function controlEnvironment(
  environment: Record<string, string>,
  directive: ControlList,
  { main, result, exit }: { main: MainProcess | null; result: Result; exit: Exit | null },
): Record<string, string> {
  const stops = directive === 'execStop' || directive === 'execStopPost';
  return {
    ...environment,
    ...(main?.pid !== undefined && exit === null ? { MAINPID: String(main.pid) } : {}),
    ...(stops ? { SERVICE_RESULT: result, ...(exit ? exitVariables(exit) : {}) } : {}),
  };
}

/** What a start is told of the unit that was to have it started by its end: systemd.exec(5), `MONITOR_SERVICE_RESULT`. */
export function monitorVariables({ unit, result, exit, invocation }: MonitoredEnd): Record<string, string> {
  const ended = exit === undefined ? {} : exitVariables(reportedExit(exit));
  const variables = {
    UNIT: unit,
    SERVICE_RESULT: result,
    ...ended,
    ...(invocation ? { INVOCATION_ID: invocation } : {}),
  };
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [`MONITOR_${name}`, value]));
}

function exitVariables(exit: Exit): Record<string, string> {
  switch (exit.kind) {
    case 'exited':
      return { EXIT_CODE: 'exited', EXIT_STATUS: String(exit.code) };
    case 'killed':
      return { EXIT_CODE: 'killed', EXIT_STATUS: exit.signal.replace(/^SIG/, '') };
    case 'lost':
      return { EXIT_CODE: 'killed', EXIT_STATUS: 'KILL' };
    default:
      return exit satisfies never;
  }
}
