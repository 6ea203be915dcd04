/**
 * When a service counts as failed and when it is started again: systemd.service(5), "Restart=", table 2, and
 * "SuccessExitStatus=", "RestartPreventExitStatus=", "RestartForceExitStatus=".
 */
import type { ExitSet, ServiceSpec } from '../../../shared/domain/unitSpec.ts';
import type { Exit } from '../runtime/runtime.ts';

/** systemd's `Result=`, as far as it occurs here; `lost`: what carried the process died, not the process itself. */
export type Result =
  | 'success'
  | 'exit-code'
  | 'signal'
  | 'timeout'
  | 'start-limit-hit'
  | 'resources'
  | 'exec-condition'
  | 'lost';

const cleanSignals = ['SIGHUP', 'SIGINT', 'SIGTERM', 'SIGPIPE'];

/** What the end of a main process means. A oneshot that dies of a signal is never clean: it has not done its work. */
export function resultOf(service: ServiceSpec, exit: Exit): Result {
  if (exit.kind === 'lost') return 'lost';
  if (contains(service.successExitStatus, exit)) return 'success';
  if (exit.kind === 'exited') return exit.code === 0 ? 'success' : 'exit-code';
  return cleanSignals.includes(exit.signal) && service.type !== 'oneshot' ? 'success' : 'signal';
}

/** Whether `Restart=` starts a service again that ended by itself with this result; `exit` of its main process, if any. */
export function restarts(service: ServiceSpec, result: Result, exit: Exit | null): boolean {
  if (result === 'start-limit-hit' || result === 'exec-condition') return false;
  if (result === 'lost') return true;
  if (exit && contains(service.restartPreventExitStatus, exit)) return false;
  if (exit && contains(service.restartForceExitStatus, exit)) return true;
  return restartResults[service.restart].includes(result);
}

const failures: readonly Result[] = ['exit-code', 'signal', 'timeout', 'resources'];

const restartResults: Record<ServiceSpec['restart'], readonly Result[]> = {
  no: [],
  always: ['success', ...failures],
  'on-success': ['success'],
  'on-failure': failures,
  'on-abnormal': ['signal', 'timeout'],
  'on-abort': ['signal'],
  'on-watchdog': [],
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
