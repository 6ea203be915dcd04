/** What a node says of a unit, in the words of `systemctl status`. */
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';
import type { Gate, Standing } from './policy/ordering.ts';
import { awaitsLease, isHeldBack, isLaunched, startGate, type UnitContext } from './unitContext.ts';

/** By the state of the unit's actor. */
export const systemdStates: Record<string, [ActiveState, string]> = {
  'resuming.looking': ['activating', 'condition'],
  'resuming.waiting': ['activating', 'condition'],
  inactive: ['inactive', 'dead'],
  failed: ['failed', 'failed'],
  'activating.tests': ['activating', 'condition'],
  'activating.engine': ['activating', 'condition'],
  'activating.condition': ['activating', 'condition'],
  'activating.startPre': ['activating', 'start-pre'],
  'activating.start': ['activating', 'start'],
  'activating.ready': ['activating', 'start'],
  'activating.oneshot': ['activating', 'start'],
  'activating.startPost': ['activating', 'start-post'],
  'activating.autoRestart': ['activating', 'auto-restart'],
  'active.running': ['active', 'running'],
  'active.reload': ['reloading', 'reload'],
  'active.reloadNotified': ['reloading', 'reload'],
  'active.exited': ['active', 'exited'],
  'deactivating.stop': ['deactivating', 'stop'],
  'deactivating.stopNotified': ['deactivating', 'stop-sigterm'],
  'deactivating.stopWatchdog': ['deactivating', 'stop-watchdog'],
  'deactivating.stopSigterm': ['deactivating', 'stop-sigterm'],
  'deactivating.stopRest': ['deactivating', 'stop-sigterm'],
  'deactivating.stopSigkill': ['deactivating', 'stop-sigkill'],
  'deactivating.finalSigkill': ['deactivating', 'final-sigkill'],
  'deactivating.stopPost': ['deactivating', 'stop-post'],
  'deactivating.stopPostRest': ['deactivating', 'stop-post'],
  'retired.cleaning': ['inactive', 'dead'],
  'retired.retrying': ['inactive', 'dead'],
};

const down: [ActiveState, string] = ['inactive', 'dead'];

/** Where an actor stands: `active.running`. */
export type UnitState = string | Record<string, unknown>;

export function reportOf(state: UnitState, context: UnitContext): UnitReport {
  const path = pathOf(state);
  const held = isDown(path) ? heldBy(context) : null;
  const [active, word] = held ? heldStates[held.kind] : (restOf(path, context) ?? systemdStates[path] ?? down);
  const sub = word === 'exited' && context.spec.name.type === 'target' ? 'active' : word;
  const { assigned, exit, main, health, restarts, status, reloadFailure } = context;
  return {
    unit: assigned.name,
    hash: assigned.hash,
    load: 'loaded',
    active,
    sub,
    result: held?.kind === 'dependency' ? 'dependency' : context.result,
    goal: assigned.goal,
    reason: held?.reason ?? context.reason,
    ...(exit?.kind === 'exited' ? { exit: { code: exit.code } } : {}),
    ...(exit?.kind === 'killed' ? { exit: { signal: exit.signal } } : {}),
    ...(main?.pid !== undefined && exit === null ? { pid: main.pid } : {}),
    ...(main?.container !== undefined && exit === null ? { container: main.container } : {}),
    ...(main !== null && health !== null && exit === null ? { health } : {}),
    ...(isMonitored(context) && context.invocation !== null ? { invocation: context.invocation } : {}),
    ...(context.activatedAt === null ? {} : { activatedAt: context.activatedAt }),
    ...(restarts > 0 ? { restarts } : {}),
    ...(reloadFailure !== null && main !== null && exit === null ? { reloadFailure } : {}),
    ...(status !== null && main !== null && exit === null ? { status } : {}),
  };
}

/** It is taken to be at rest as before, until something else is found or wished. */
function restOf(path: string, { rest, assigned }: UnitContext): [ActiveState, string] | null {
  return path.startsWith('resuming') && rest?.goal === assigned.goal ? [rest.active, rest.sub] : null;
}

/** Another unit is started when it ends, and is told of that. */
function isMonitored({ spec: { dependencies } }: UnitContext): boolean {
  return dependencies.OnFailure !== undefined || dependencies.OnSuccess !== undefined;
}

/** What keeps it from starting, though that is wished. */
function heldBy(context: UnitContext): Gate['start'] {
  return awaitsLease(context) ? { kind: 'wait', reason: noLease } : isHeldBack(context) ? startGate(context) : null;
}

const noLease = "waiting for an answer to its machine's heartbeats, without which it must not run (OnDisconnect=stop)";

/** A start that waits, or fails because of other units: for systemd that is the job's result, not the unit's. */
const heldStates: Record<'wait' | 'dependency', [ActiveState, string]> = {
  wait: ['activating', 'waiting'],
  dependency: ['inactive', 'dead'],
};

function isDown(path: string): boolean {
  return path === 'inactive' || path === 'failed';
}

/** How the unit stands, for those that have to do with it. */
export function standingOf(state: UnitState, context: UnitContext): Standing {
  const path = pathOf(state);
  const { active, sub, result } = reportOf(state, context);
  const mayRun = isLaunched(context) && context.suspended === null;
  return {
    phase: phaseOf(path, active),
    outcome: !mayRun ? 'none' : failing(result) ? 'failure' : 'success',
    wish: wishOf(context, isDown(path)),
    state: `${active} (${sub})`,
  };
}

function phaseOf(path: string, active: ActiveState): Standing['phase'] {
  if (path.startsWith('resuming')) return 'unknown';
  if (path === 'activating.autoRestart') return 'restarting';
  // It is on its way from one to the other, at once.
  if (isDown(path) || path === 'settling' || path.startsWith('retired') || path === 'gone') return 'down';
  if (active === 'activating') return 'starting';
  return active === 'deactivating' ? 'stopping' : 'up';
}

function wishOf(context: UnitContext, isAtRest: boolean): Standing['wish'] {
  const { retiring, suspended, restartWished, startWished } = context;
  if (retiring || !isLaunched(context)) return 'stop';
  if (suspended !== null) return suspended.resumes ? null : 'stop';
  if (restartWished) return isAtRest ? 'start' : 'restart';
  return startWished && isAtRest ? 'start' : null;
}

/** A start that a condition left out has not failed: systemd.unit(5), "Conditions and Asserts". */
function failing(result: string): boolean {
  return !['success', 'condition', 'exec-condition'].includes(result);
}

/** Units in these states stay as they are until somebody wishes otherwise. */
const atRest = new Set(['dead', 'failed', 'exited', 'active']);

/** What waits for other units, or fails because of them, starts when they are up. */
export function isAtRest({ sub, result }: UnitReport): boolean {
  return atRest.has(sub) && result !== 'dependency';
}

function pathOf(state: UnitState): string {
  if (typeof state === 'string') return state;
  return Object.entries(state)
    .map(([parent, child]) => `${parent}.${child}`)
    .join();
}
