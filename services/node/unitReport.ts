/** What a node says of a unit, in the words of `systemctl status`. */
import type { ActiveState, UnitReport } from '../../shared/domain/events.ts';
import type { UnitContext } from './unitContext.ts';

/** By the state of the unit's actor. */
const systemdStates: Record<string, [ActiveState, string]> = {
  'resuming.looking': ['activating', 'condition'],
  'resuming.waiting': ['activating', 'condition'],
  inactive: ['inactive', 'dead'],
  failed: ['failed', 'failed'],
  'activating.engine': ['activating', 'condition'],
  'activating.condition': ['activating', 'condition'],
  'activating.startPre': ['activating', 'start-pre'],
  'activating.start': ['activating', 'start'],
  'activating.oneshot': ['activating', 'start'],
  'activating.startPost': ['activating', 'start-post'],
  'activating.autoRestart': ['activating', 'auto-restart'],
  'active.running': ['active', 'running'],
  'active.exited': ['active', 'exited'],
  'deactivating.stop': ['deactivating', 'stop'],
  'deactivating.stopSigterm': ['deactivating', 'stop-sigterm'],
  'deactivating.stopSigkill': ['deactivating', 'stop-sigkill'],
  'deactivating.finalSigkill': ['deactivating', 'final-sigkill'],
  'deactivating.stopPost': ['deactivating', 'stop-post'],
  'retired.cleaning': ['inactive', 'dead'],
  'retired.retrying': ['inactive', 'dead'],
};

/** Where an actor stands: `active.running`. */
export type UnitState = string | Record<string, unknown>;

export function reportOf(state: UnitState, context: UnitContext): UnitReport {
  const [active, sub] = systemdStates[pathOf(state)] ?? ['inactive', 'dead'];
  const { assigned, result, reason, exit, main, restarts } = context;
  return {
    unit: assigned.name,
    hash: assigned.hash,
    load: 'loaded',
    active,
    sub,
    result,
    goal: assigned.goal,
    reason,
    ...(exit?.kind === 'exited' ? { exit: { code: exit.code } } : {}),
    ...(exit?.kind === 'killed' ? { exit: { signal: exit.signal } } : {}),
    ...(main?.pid !== undefined && exit === null ? { pid: main.pid } : {}),
    ...(main?.container !== undefined && exit === null ? { container: main.container } : {}),
    ...(restarts > 0 ? { restarts } : {}),
  };
}

/** Units in these states stay as they are until somebody wishes otherwise. */
const atRest = new Set(['dead', 'failed', 'exited']);

export function isAtRest({ sub }: UnitReport): boolean {
  return atRest.has(sub);
}

function pathOf(state: UnitState): string {
  if (typeof state === 'string') return state;
  return Object.entries(state)
    .map(([parent, child]) => `${parent}.${child}`)
    .join();
}
