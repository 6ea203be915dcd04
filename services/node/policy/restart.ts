/**
 * When a service counts as failed and when it is started again: systemd.service(5), "Restart=", table 2, and
 * "SuccessExitStatus=", "RestartPreventExitStatus=", "RestartForceExitStatus=".
 */
import type { ExitSet, ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import type { Exit } from '../runtime/runtime.ts';

/** systemd's `Result=`, as far as it occurs here; `lost`: what carried the process died, not the process itself. */
export type Result = (typeof results)[number];

const results = [
  'success',
  'exit-code',
  'signal',
  'oom-kill',
  'timeout',
  'start-limit-hit',
  'resources',
  'watchdog',
  'protocol',
  'exec-condition',
  // A condition, or an assert, was not met: systemd's word for what became of the start. The unit never ran.
  'condition',
  'assert',
  'lost',
] as const;

export function isResult(text: string | undefined): text is Result {
  return results.some((result) => result === text);
}

const cleanSignals = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE'];

/** What the end of a main process means. A oneshot that dies of a signal is never clean: it has not done its work. */
export function resultOf(service: ServiceSpec, exit: Exit): Result {
  if (exit.kind === 'lost') return 'lost';
  if (exit.outOfMemory && service.oomPolicy !== 'continue') return 'oom-kill';
  if (isCleanExit(service, exit)) return 'success';
  if (exit.kind === 'exited') return 'exit-code';
  return cleanSignals.includes(exit.signal) && service.type !== 'oneshot' ? 'success' : 'signal';
}

/** Whether a command has done its work. For control commands too systemd counts what `SuccessExitStatus=` lists. */
export function isCleanExit(service: ServiceSpec, exit: Exit): boolean {
  return (exit.kind === 'exited' && exit.code === 0) || contains(service.successExitStatus, exit);
}

/** It was not the service that came to an end. */
const unstarted: readonly Result[] = ['start-limit-hit', 'exec-condition', 'condition', 'assert'];

/**
 * Whether `Restart=` starts a service again that ended by itself with this result; `exit` of its main process, if any.
 * What was lost is started again whatever `Restart=` says, as a machine starts its services when it comes up.
 */
export function restarts(service: ServiceSpec, result: Result, exit: Exit | null): boolean {
  if (unstarted.includes(result)) return false;
  if (result === 'lost') return true;
  if (exit && contains(service.restartPreventExitStatus, exit)) return false;
  if (exit && contains(service.restartForceExitStatus, exit)) return true;
  return restartResults[service.restart].includes(result);
}

const abnormal: readonly Result[] = ['signal', 'oom-kill', 'timeout', 'resources', 'watchdog', 'protocol'];
const failures: readonly Result[] = ['exit-code', ...abnormal];

/** The table says nothing of `resources` and `protocol`: there it is systemd's code (service_shall_restart) that does. */
const restartResults: Record<ServiceSpec['restart'], readonly Result[]> = {
  no: [],
  always: ['success', ...failures],
  'on-success': ['success'],
  'on-failure': failures,
  'on-abnormal': abnormal,
  'on-abort': ['signal'],
  'on-watchdog': ['watchdog'],
};

function contains(set: ExitSet, exit: Exit): boolean {
  if (exit.kind === 'exited') return set.codes.includes(exit.code);
  return exit.kind === 'killed' && set.signals.includes(exit.signal);
}

/** `StartLimitIntervalSec=`, `StartLimitBurst=`: whether one more start at `now` is one too many. */
export function startLimitHit(starts: readonly number[], now: number, limit: ServiceSpec['startLimit']): boolean {
  if (limit.burst === 0 || limit.intervalMs === 0) return false;
  return recentStarts(starts, now, limit).length >= limit.burst;
}

export function recentStarts(starts: readonly number[], now: number, limit: ServiceSpec['startLimit']): number[] {
  return starts.filter((at) => now - at < limit.intervalMs);
}
