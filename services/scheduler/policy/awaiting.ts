/** A unit is not started on its new machine before its copy on the old one has ended, as long as that machine is there. */
import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import { meaningOf } from '../../../shared/domain/unitMeaning.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import type { Work } from './work.ts';

/** By unit: the machine that it was on before this round of decisions, and is not on any more. */
export type Left = Map<string, string>;

/** To be told of each event before it is applied. What was placed in the same round (`seq`) has never been there. */
export function noteLeft(left: Left, state: ClusterState, event: ClusterEvent, seq: number): void {
  if (!('unit' in event) || !releasing.has(event.type) || left.has(event.unit)) return;
  for (const [machine, { token }] of Object.entries(state.units.get(event.unit)?.machines ?? {})) {
    const isThis = !('machine' in event) || event.machine === machine;
    if (isThis && token < seq) left.set(event.unit, machine);
  }
}

const releasing = new Set<ClusterEvent['type']>(['UnitEvicted', 'UnitUnloadRequested', 'UnitDestroyed']);

/**
 * The machine whose copy of the unit has to end before it may be started on `machine`; undefined: none. Where it waits
 * already, it has not been started since. Units with leases are not placed before that; what only starts other units
 * (a timer) runs nothing.
 */
export function awaitedBy(state: ClusterState, unit: UnitRecord, machine: string, left: Left): string | undefined {
  const { global, activates } = unit.placement;
  if (global || activates !== undefined || unit.lease !== undefined) return undefined;
  const candidates = [state.awaiting.get(unit.name)?.machine, left.get(unit.name), ...state.leaving.get(unit.name)];
  return candidates.find((id) => id !== undefined && id !== machine && isThere(state, id));
}

/** Nothing is heard any more of machines that are not there. */
export function endAwaitsOfLost(work: Work): void {
  for (const [unit, { machine }] of [...work.state.awaiting.entries()]) {
    if (isThere(work.state, machine)) continue;
    const { state = 'forgotten' } = work.state.machines.get(machine) ?? {};
    work.apply({ type: 'UnitAwaitEnded', unit, machine, reason: `machine ${machine} is ${state}` });
  }
}

function isThere(state: ClusterState, machine: string): boolean {
  return state.machines.get(machine)?.state === 'ready';
}

/** What was killed is gone, and its machine has said so, within this long, ms. */
const killMarginMs = 10_000;

/**
 * How long the unit may take to stop, ms: `TimeoutStopSec=` holds for each of its stop commands, for the main process,
 * for what that leaves behind, and for a main process that is still there after `ExecStopPost=`. Null: as long as it takes.
 */
export function stopLimitMs({ name, text }: UnitRecord): number | null {
  const { value } = parseUnitName(name);
  const service = value ? meaningOf(value, text, undefined, { allowUnsupported: true }).spec?.service : undefined;
  // What cannot be read does not run.
  if (!service) return killMarginMs;
  const { timeoutStopMs, execStop, execStopPost, stopFailureMode, timeoutAbortMs = timeoutStopMs } = service;
  const abortMs = stopFailureMode === 'abort' ? timeoutAbortMs : 0;
  if (timeoutStopMs === null || abortMs === null) return null;
  const afterwards = execStopPost.length > 0 ? 1 : 0;
  return (execStop.length + execStopPost.length + 2 + afterwards) * timeoutStopMs + abortMs + killMarginMs;
}
