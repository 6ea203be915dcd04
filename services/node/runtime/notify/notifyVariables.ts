import type { ServiceSpec } from '../../../../shared/domain/unitSpec.ts';

/** Whether its main command talks to its manager or forks away, so that it is more than waited for. */
export function isKept({ notifyAccess, type }: ServiceSpec): boolean {
  return notifyAccess !== 'none' || type === 'forking';
}

/** What a main command finds in its environment, sd_notify(3) and sd_watchdog_enabled(3). */
export function notifyVariables({ watchdogMs }: ServiceSpec, socket: string | null): Record<string, string> {
  return {
    ...(socket === null ? {} : { NOTIFY_SOCKET: socket }),
    ...(watchdogMs === null ? {} : { WATCHDOG_USEC: String(watchdogMs * 1000) }),
  };
}
