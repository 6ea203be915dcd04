/** What a unit's actor makes of what the service tells it: sd_notify(3), and systemd.service(5) on `Type=`, `WatchdogSec=`. */
import { type Clock, delay } from '../../shared/clock/clock.ts';
import { type Notices, noNotices } from './runtime/notify/notices.ts';
import type { MainProcess } from './runtime/runtime.ts';
import type { UnitContext, UnitEvent } from './unitContext.ts';

/** Moments on the monotonic clock, ms. Waits that are under way look here again and again: it changes under them. */
export interface Deadlines {
  /** `EXTEND_TIMEOUT_USEC=`: no time limit ends before. */
  extendedTo: number;
  /** When the service last said that it is alive, or it was begun to expect that of it. */
  aliveAt: number;
}

export const noDeadlines = (): Deadlines => ({
  extendedTo: Number.NEGATIVE_INFINITY,
  aliveAt: Number.NEGATIVE_INFINITY,
});

/** So often at most a service's status text alone is worth a report, ms: each one goes to the log. */
const statusPauseMs = 10_000;

/** Tells the unit what its main process says, first what it has said already. */
export function listen({ notices }: MainProcess, clock: Clock, tell: (event: UnitEvent) => void): NoticeListener {
  if (!notices) return { hear: () => undefined, stop: () => undefined };
  const stopped = new AbortController();
  let pausing = false;
  let toldStatus: string | undefined;
  const tellStatus = async () => {
    const { status } = notices.current();
    if (pausing || status === toldStatus || status === undefined) return;
    toldStatus = status;
    tell({ type: 'STATUS', status });
    pausing = true;
    await delay(clock, statusPauseMs, stopped.signal);
    pausing = false;
    if (!stopped.signal.aborted) void tellStatus();
  };
  const hear = () => {
    tell({ type: 'NOTIFIED', notices: notices.current() });
    void tellStatus();
  };
  const unwatch = notices.watch(hear);
  hear();
  const stop = () => {
    unwatch();
    stopped.abort();
  };
  return { hear, stop };
}

export interface NoticeListener {
  /** Looks now, whether or not anything was heard. */
  hear(): void;
  stop(): void;
}

export function noticesOf(main: MainProcess | null): Notices {
  return main?.notices?.current() ?? noNotices;
}

/** What was said since the last look moves the deadlines. */
export function noticed({ notices: known, deadlines, clock }: UnitContext, notices: Notices): Partial<UnitContext> {
  const now = clock.monotonicNow();
  if (notices.extended > known.extended) deadlines.extendedTo = now + notices.extendMs;
  if (notices.watchdog > known.watchdog) deadlines.aliveAt = now;
  return { notices };
}

/** It is up when it (or its health check) says so, or when it has forked away. */
export function saysWhenReady({ spec }: UnitContext): boolean {
  return spec.service.type === 'notify' || spec.service.type === 'forking';
}

/** It has said so. Of one that is taken up unhealthy, it is taken that it was healthy before. */
export function isReady({ spec, notices, health }: UnitContext, isTakenUp = false): boolean {
  if (spec.service.readyWhenHealthy !== true) return notices.ready > 0;
  return health === 'healthy' || (isTakenUp && health === 'unhealthy');
}

/** It ended without ever having said what it was to say. */
export function brokeProtocol({ spec, result }: UnitContext): boolean {
  const { type, pidFile } = spec.service;
  return result === 'success' && (type === 'notify' || (type === 'forking' && pidFile !== undefined));
}

/** `RELOADING=1`, and no `READY=1` since; a reload that took too long is not waited for any more. */
export function isReloading({ notices, reloadGivenUp }: UnitContext): boolean {
  return notices.reloading > Math.max(notices.ready, reloadGivenUp);
}

/** Resolves when a time limit is over, which the service may move. */
export async function waitOut({ clock, deadlines }: UnitContext, limitMs: number, signal: AbortSignal): Promise<void> {
  const end = clock.monotonicNow() + limitMs;
  await waitUntil(clock, () => Math.max(end, deadlines.extendedTo), signal);
}

/** Resolves when the service has not said for `WatchdogSec=` that it is alive; never where it need not. */
export async function watchForSilence({ spec, clock, deadlines }: UnitContext, signal: AbortSignal): Promise<void> {
  const { watchdogMs } = spec.service;
  const until = () => (watchdogMs === null ? Number.POSITIVE_INFINITY : deadlines.aliveAt + watchdogMs);
  await waitUntil(clock, until, signal);
}

/** setTimeout's longest delay, ms. */
const longestDelayMs = 2_147_483_647;

async function waitUntil(clock: Clock, end: () => number, signal: AbortSignal): Promise<void> {
  // What has no limit gets none later.
  if (end() === Number.POSITIVE_INFINITY) return new Promise(() => undefined);
  for (let leftMs = end() - clock.monotonicNow(); leftMs > 0; leftMs = end() - clock.monotonicNow()) {
    await delay(clock, Math.min(leftMs, longestDelayMs), signal);
    if (signal.aborted) return;
  }
}
