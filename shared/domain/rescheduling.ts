/** `[X-Flotilla] RescheduleAfter=`: a unit that keeps failing on a machine that is alive is moved to another one. */
import type { ClusterState, UnitRecord } from './clusterState.ts';
import type { DirectiveReader } from './directiveReader.ts';
import type { ClusterEvent, ReportedState } from './events.ts';
import { parseTimeSpan } from './timeSpan.ts';
import type { Parsed } from './values.ts';

/** A unit that fails again and again where it is. */
export interface Failing {
  readonly machine: string;
  /** ms since 1970. */
  readonly since: number;
  /** It is well at the moment, since then: not for long enough yet to say that it does not fail any more. */
  readonly wellSince?: number;
}

/** What is remembered of a unit that was moved because it kept failing. */
export interface Rescheduled {
  /** How often in a row; each time it takes twice as long. */
  readonly moves: number;
  /** By machine that it has left: until when it does not go back, ms since 1970. */
  readonly avoids: Readonly<Record<string, number>>;
}

const section = 'X-Flotilla';
const leastMs = 1_000;
const longestMs = 24 * 3_600_000;

/** ms; undefined: it stays where it is. */
export function readRescheduleAfter(reader: DirectiveReader, isBound: boolean): number | undefined {
  const option = reader.last(section, 'RescheduleAfter');
  const after = reader.value<number | undefined>(section, 'RescheduleAfter', parseAfter, undefined);
  if (option && after !== undefined && isBound) {
    reader.warn(
      option,
      'has no effect on a unit that runs on every machine, on one machine alone, or beside another unit',
    );
  }
  return after;
}

function parseAfter(text: string): Parsed<number> {
  const span = parseTimeSpan(text);
  if ('error' in span) return span;
  const isFine = span.value !== null && span.value >= leastMs && span.value <= longestMs;
  return isFine && span.value !== null ? { value: span.value } : { error: 'is no span from 1s to 1d' };
}

/** How long the unit has to have been failing before it is moved (again), ms. */
export function patienceMs(unit: UnitRecord, rescheduled: Rescheduled | undefined): number {
  const { rescheduleAfterMs = 0 } = unit.placement;
  return Math.min(longestMs, rescheduleAfterMs * 2 ** Math.min(20, rescheduled?.moves ?? 0));
}

/** For how long a machine that it leaves is avoided: others get a longer turn than its next patience. */
export function avoidanceMs(patience: number): number {
  return Math.min(longestMs, 4 * patience);
}

/** A node has said how the unit is, at `at` (ms since 1970). */
export function noteFailing(
  state: ClusterState,
  name: string,
  machine: string,
  report: ReportedState,
  at: number,
): void {
  const unit = state.units.get(name);
  const after = unit?.placement.rescheduleAfterMs;
  if (!unit || after === undefined || unit.desired !== 'launched' || !Object.hasOwn(unit.machines, machine)) return;
  const known = state.failing.get(name);
  if (isFailing(report)) {
    const wasWellFor = known?.wellSince === undefined ? 0 : at - known.wellSince;
    const goesOn = known?.machine === machine && wasWellFor < after;
    state.failing.set(name, { machine, since: goesOn ? known.since : at });
  } else if (known && known.wellSince === undefined && report.active === 'active') {
    state.failing.set(name, { ...known, wellSince: at });
  }
}

/** Failed for good, waiting to be started again, or not healthy. */
function isFailing({ active, sub, health }: ReportedState): boolean {
  return active === 'failed' || (active === 'activating' && sub === 'auto-restart') || health === 'unhealthy';
}

type RescheduleEvent = Extract<ClusterEvent, { type: 'UnitEvicted' | 'UnitMayReturn' | 'UnitFailsNoMore' }>;

/** Changes what is remembered of a unit that was moved for this reason. */
export function evolveRescheduled(state: ClusterState, event: RescheduleEvent): void {
  const { unit } = event;
  const known = state.rescheduled.get(unit);
  switch (event.type) {
    case 'UnitEvicted': {
      const { avoidUntil } = event.move ?? {};
      if (avoidUntil === undefined) return;
      const avoids = { ...known?.avoids, [event.machine]: avoidUntil };
      return state.rescheduled.set(unit, { moves: (known?.moves ?? 0) + 1, avoids });
    }
    case 'UnitMayReturn': {
      if (!known) return;
      const { [event.machine]: _, ...avoids } = known.avoids;
      return state.rescheduled.set(unit, { ...known, avoids });
    }
    case 'UnitFailsNoMore':
      state.failing.delete(unit);
      state.rescheduled.delete(unit);
      return;
    default:
      return event satisfies never;
  }
}
