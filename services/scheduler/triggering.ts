import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { isRejection } from '../../shared/domain/rejection.ts';
import {
  monitoredEnd,
  type OpenTrigger,
  openTriggers,
  opponentsThere,
  type TriggerKind,
} from '../../shared/domain/triggering.ts';
import { handleUnits } from './handleCommand.ts';

/** Whether something is still to be done about a unit that has failed, or ended, or was started by another one. */
export function hasOpenTriggers(state: ClusterState): boolean {
  return state.triggers.size > 0 && openTriggers(state).length > 0;
}

/**
 * What is decided about each of them, one after the other on the draft that `add` changes: a unit that is named is
 * started as by `flotilla start`, with what it needs, an instance from its template; what runs already is let alone.
 * What a unit conflicts with that another one has started is stopped where that is.
 */
export function trigger(state: ClusterState, add: (event: ClusterEvent, cause: string) => void): void {
  for (const open of openTriggers(state)) {
    const { unit, machine, kind, result, names } = open;
    const cause = `${kind} ${unit}`;
    const refused: Record<string, string> = {};
    const opponents = kind === 'Activated' ? opponentsThere(state, unit, machine) : [];
    for (const event of stop(state, opponents, unit)) add(event, cause);
    for (const name of names) {
      const events = start(state, name, open);
      if (typeof events === 'string') refused[name] = events;
      else for (const event of events) add(event, cause);
    }
    const why = Object.keys(refused).length > 0 ? { refused } : {};
    add({ type: 'UnitTriggered', unit, machine, kind, result, starts: [...names], ...why }, cause);
  }
}

/** Whether what the unit itself starts in such a case is in the end the other one: they would go on for ever. */
function leadsTo(state: ClusterState, from: string, to: string): boolean {
  const seen = new Set([from]);
  for (const name of seen) {
    const { OnFailure = [], OnSuccess = [] } = state.units.get(name)?.dependencies ?? {};
    for (const next of [...OnFailure, ...OnSuccess]) seen.add(next);
  }
  return seen.has(to);
}

const reasons: Record<TriggerKind, (unit: string, result: string) => string> = {
  OnFailure: (unit, result) => `OnFailure= of ${unit}, which has failed (${result})`,
  OnSuccess: (unit) => `OnSuccess= of ${unit}, which has ended`,
  Activated: (unit) => `wanted by ${unit}`,
};

/** The events that stop what conflicts with a unit that another one has started. */
function stop(state: ClusterState, names: readonly string[], unit: string): ClusterEvent[] {
  if (names.length === 0) return [];
  const decided = handleUnits(state, { type: 'StopUnits', units: names.map((name) => ({ name })) });
  const reason = `${unit}, which conflicts with it, was started`;
  return isRejection(decided)
    ? []
    : decided.events.map((event) => (event.type === 'UnitLoadRequested' ? { reason, ...event } : event));
}

/** The events that start it, or why it cannot be. */
function start(state: ClusterState, name: string, open: OpenTrigger): ClusterEvent[] | string {
  const { unit, kind, result } = open;
  if (kind !== 'Activated' && leadsTo(state, name, unit)) return `it would have ${unit} started again: a circle`;
  const decided = handleUnits(state, { type: 'StartUnits', units: [{ name }] });
  if (isRejection(decided)) return [decided.message, ...decided.details].join('; ');
  const reason = reasons[kind](unit, result);
  const monitored = kind === 'Activated' ? undefined : monitoredEnd(state, open, name);
  const why = { reason, ...(monitored ? { monitored } : {}) };
  return decided.events.map((event) =>
    event.type === 'UnitLaunchRequested' && event.unit === name ? { ...event, ...why } : event,
  );
}
