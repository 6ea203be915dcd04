/** Units that require another one follow it, as `MachineOf=` has it: where that one goes, they go. */
import type { ClusterState } from './clusterState.ts';
import { closure, UnitGraph } from './unitGraph.ts';
import type { Placement } from './unitSpec.ts';

/**
 * The units beside which this one has to run because it requires them, directly or through others, by name. Of units that
 * need each other, the first by name leads of those that do not say themselves where they go.
 */
export function followedBy(state: ClusterState, name: string): ReadonlySet<string> {
  return isInvolved(state, name) ? leadersOf(new UnitGraph(state), name) : none;
}

/** The same of units that may be coming. */
export function leadersOf(graph: UnitGraph, name: string): ReadonlySet<string> {
  const needs = (unit: string) => graph.needs(unit);
  const needed = [...closure(name, needs)].sort();
  const rank = (unit: string) => `${graph.placementOf(unit)?.machineOf === undefined ? 0 : 1} ${unit}`;
  return new Set(needed.filter((other) => rank(other) < rank(name) || !closure(other, needs).has(name)));
}

/** The units that follow this one, by name. */
export function followersOf(state: ClusterState, name: string): string[] {
  if (!isInvolved(state, name)) return [];
  const graph = new UnitGraph(state);
  const needing = closure(name, (unit) => graph.neededBy(unit));
  return [...needing].sort().filter((other) => followedBy(state, other).has(name));
}

/** Of a unit on that machine: who leads it there, so that it does not go by itself. */
export function leaderThere(state: ClusterState, name: string, machine: string): string | undefined {
  for (const leader of followedBy(state, name)) {
    const unit = state.units.get(leader);
    if (unit && !unit.placement.global && Object.hasOwn(unit.machines, machine)) return leader;
  }
  return undefined;
}

/** The way from the unit over `MachineOf=` back to it; null: there is none. */
export function followingCircle(name: string, placementOf: (unit: string) => Placement | undefined): string[] | null {
  const path = [name];
  let next = placementOf(name)?.machineOf;
  while (next !== undefined && !path.includes(next)) {
    path.push(next);
    next = placementOf(next)?.machineOf;
  }
  return next === name ? [...path, name] : null;
}

const none: ReadonlySet<string> = new Set();

/** Most units have nothing to do with others. */
function isInvolved(state: ClusterState, name: string): boolean {
  return state.units.get(name)?.dependencies !== undefined || state.dependents.get(name).size > 0;
}
