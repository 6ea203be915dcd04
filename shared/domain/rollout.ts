/** A rolling replacement: units get a new version a few at a time, and all of them the old one again if one fails. */
import type { ClusterState, UnitRecord } from './clusterState.ts';
import type { ClusterEvent } from './events.ts';
import { replacesLaunched } from './eventsBeside.ts';
import { isRejection, type Rejection, reject } from './rejection.ts';
import { decideUnits, type UnitRef, type UnitSubmission } from './unit.ts';

export interface RolloutTerms {
  /** So many of the units may be down, or not well, at once. */
  maxUnavailable: number;
  /** A unit counts as well when it has been for so long, ms. */
  settleMs: number;
  /** A unit that is not well within this long has failed, ms. */
  timeoutMs: number;
}

export interface Rollout extends RolloutTerms {
  /** By unit: the version that it had, and the one that it is to have. */
  readonly versions: Readonly<Record<string, { readonly before: UnitSubmission; readonly after: UnitSubmission }>>;
  /** By unit: when it was given the version that it is to have now, ms since 1970. */
  readonly changed: Readonly<Record<string, number>>;
  /** By unit: when it was first seen well since, ms since 1970, and the state (its `since`) in which it was. */
  readonly well: Readonly<Record<string, { readonly at: number; readonly since: number }>>;
  /** By unit: why the cluster does not take the version that it is to have now; absent: it took all. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Why the units get their old version back; absent: they do not. */
  readonly turned?: string;
  /** Absent: it is under way. */
  readonly ended?: { readonly outcome: RolloutOutcome; readonly reason: string };
}

/**
 * `replaced`: all have the new version. `rolled-back`: all that had it have the old one again, but for those that the
 * reason names, whose old one is refused. `stopped`: each has the one that it had.
 */
export type RolloutOutcome = 'replaced' | 'rolled-back' | 'stopped';

/** The replacements of these units that are under way do not go on; other units that take part in them are meant, too. */
export interface StopRollouts {
  type: 'StopRollouts';
  units: { name: string }[];
  reason: string;
  /** Every unit keeps the version that it has now. Default: those that were changed get their old one back. */
  keep?: boolean | undefined;
}

/** Of those that have ended so many are remembered. */
const remembered = 10;

/**
 * Starts units, of which those that run with another body are replaced a few at a time; `id` names that. What is not
 * replaced (a unit that is new, or does not run) is started, and changed, at once.
 */
export function decideRollout(
  state: ClusterState,
  id: string,
  { units, terms }: { units: UnitRef[]; terms: RolloutTerms },
): ClusterEvent[] | Rejection {
  const rolling = units.filter((ref) => replacesLaunched(state, ref));
  const busy = rolling.filter(({ name }) => rolloutOf(state, name) !== undefined);
  if (busy.length > 0) {
    const details = busy.map(({ name }) => `${name}: another replacement of it is under way`);
    return reject('rollout-under-way', 'nothing was changed: wait for it, or replace the units at once', details);
  }
  // Whether the new versions may be at all is the same question as when they come at once.
  const whole = decideUnits(state, { type: 'StartUnits', units, replace: true });
  if (isRejection(whole) || rolling.length === 0) return whole;
  const names = new Set(rolling.map(({ name }) => name));
  const others = whole.filter((event) => !('unit' in event && names.has(event.unit)));
  const files = rolling.flatMap(({ submission }) => submission ?? []);
  return [...others, { type: 'RolloutStarted', rollout: id, units: files, ...terms }];
}

/** What the wish to stop replacements leads to; all of them, or none. */
export function decideStop(
  state: ClusterState,
  { units, reason, keep = false }: StopRollouts,
): ClusterEvent[] | Rejection {
  const idle = units.filter(({ name }) => rolloutOf(state, name) === undefined);
  if (idle.length > 0) {
    const details = idle.map(({ name }) => `${name}: no replacement of it is under way`);
    return reject('no-rollout', 'nothing was changed; start --replace gives a unit any version that you have', details);
  }
  const stopped = new Set(units.map(({ name }) => rolloutOf(state, name)));
  return [...state.rollouts.entries()].flatMap(([rollout, known]): ClusterEvent[] => {
    if (!stopped.has(known)) return [];
    if (keep) return [{ type: 'RolloutEnded', rollout, outcome: 'stopped', reason }];
    return known.turned === undefined ? [{ type: 'RolloutTurned', rollout, reason }] : [];
  });
}

/** The rollout that is under way with this unit. */
export function rolloutOf(state: ClusterState, unit: string): Rollout | undefined {
  for (const rollout of state.rollouts.values()) {
    if (rollout.ended === undefined && Object.hasOwn(rollout.versions, unit)) return rollout;
  }
  return undefined;
}

/** Whether any waits for time to pass, or for what nodes report. */
export function isRollingOut(state: ClusterState): boolean {
  for (const { ended } of state.rollouts.values()) if (ended === undefined) return true;
  return false;
}

export type RolloutEvent = Extract<ClusterEvent, { rollout: string }>;

/** Changes the state by one fact of a rollout, which happened at `at` (ms since 1970). */
export function evolveRollout(state: ClusterState, event: RolloutEvent, at: number): void {
  if (event.type === 'RolloutStarted') return applyStarted(state, event);
  const rollout = state.rollouts.get(event.rollout);
  if (!rollout || rollout.ended) return;
  const change = (changes: Partial<Rollout>) => state.rollouts.set(event.rollout, { ...rollout, ...changes });
  switch (event.type) {
    case 'RolloutStepped': {
      const changed = { ...rollout.changed, ...Object.fromEntries(event.units.map((unit) => [unit, at])) };
      return change({ changed, ...(event.refused ? { refused: { ...rollout.refused, ...event.refused } } : {}) });
    }
    case 'RolloutUnitsWell': {
      const seen = event.units.map(({ unit, since }) => [unit, { at, since }]);
      return change({ well: { ...rollout.well, ...Object.fromEntries(seen) } });
    }
    case 'RolloutTurned': {
      const { refused: _, ...rest } = rollout;
      return state.rollouts.set(event.rollout, { ...rest, turned: event.reason, changed: {}, well: {} });
    }
    case 'RolloutEnded':
      return change({ ended: { outcome: event.outcome, reason: event.reason } });
    default:
      return event satisfies never;
  }
}

function applyStarted(state: ClusterState, event: Extract<RolloutEvent, { type: 'RolloutStarted' }>): void {
  const { units, maxUnavailable, settleMs, timeoutMs } = event;
  const versions: Record<string, Rollout['versions'][string]> = {};
  for (const after of units) {
    const known = state.units.get(after.name);
    if (known) versions[after.name] = { before: submissionOf(known), after };
  }
  const ended = [...state.rollouts.entries()].filter(([, rollout]) => rollout.ended !== undefined);
  for (const [id] of ended.slice(0, Math.max(0, ended.length - remembered + 1))) state.rollouts.delete(id);
  state.rollouts.set(event.rollout, { maxUnavailable, settleMs, timeoutMs, versions, changed: {}, well: {} });
}

function submissionOf(unit: UnitRecord): UnitSubmission {
  const { name, text, hash, description, placement, resources, dependencies, unsupported } = unit;
  const file = { name, text, hash, description, placement, resources };
  return {
    ...file,
    ...(dependencies === undefined ? {} : { dependencies }),
    ...(unsupported === undefined ? {} : { unsupported: [...unsupported] }),
  };
}
