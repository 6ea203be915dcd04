/** `Replaces=`: units that have to leave the machine that another one comes to. */
import type { ClusterState } from './clusterState.ts';
import { isInvolved } from './contradictions.ts';
import { leadersOf } from './following.ts';
import { matchesGlob } from './glob.ts';
import { type Rejection, reject } from './rejection.ts';
import type { UnitRef } from './unit.ts';
import { closure, UnitGraph } from './unitGraph.ts';
import type { Placement } from './unitSpec.ts';

/** Whether a unit with this placement sends the other one away. */
export function replaces({ replaces: globs }: Placement, self: string, other: string): boolean {
  return globs !== undefined && self !== other && globs.some((glob) => matchesGlob(glob, other));
}

/**
 * Units that send each other away, directly or in a circle, would never come to rest. Whoever follows a unit leaves with
 * it: what is sent away because of another one counts, too.
 */
export function refuseCircle(state: ClusterState, refs: readonly UnitRef[]): Rejection | null {
  const coming = refs.flatMap(({ name, submission }) => (submission ? [name] : []));
  const graph = new UnitGraph(state, refs, { withUnloaded: true });
  const isReplacing = (name: string) => graph.placementOf(name)?.replaces !== undefined;
  const starts = coming.flatMap((name) => [name, ...followersIn(state, graph, name)]).filter(isReplacing);
  if (starts.length === 0) return null;
  const replacing = [...new Set([...[...state.units.values()].map(({ name }) => name), ...coming])].filter(isReplacing);
  const leaving = new Map(replacing.map((name) => [name, [name, ...leadersOf(graph, name)]]));
  for (const start of starts) {
    const circle = findCircle({ graph, leaving }, start);
    if (circle === null) continue;
    const path = [start, ...circle.map(({ unit }) => unit)].join(' → ');
    const details = circle.map(({ how }) => how);
    return reject('invalid-unit', `units replace each other in a circle: ${path}`, details);
  }
  return null;
}

/** Most units have nothing to do with others. */
function followersIn(state: ClusterState, graph: UnitGraph, name: string): Iterable<string> {
  return isInvolved(state, graph, name) ? closure(name, (one) => graph.neededBy(one)) : [];
}

interface Replacing {
  graph: UnitGraph;
  /** By unit that replaces others: those whose leaving is its own. */
  leaving: ReadonlyMap<string, readonly string[]>;
}

/** A unit that is sent away, by whom, and why. */
interface Step {
  unit: string;
  by: string;
  how: string;
}

/** The steps from a unit back to it, or null. */
function findCircle({ graph, leaving }: Replacing, start: string): Step[] | null {
  const found = new Map<string, Step>();
  const open = [start];
  for (const by of open) {
    const placement = graph.placementOf(by);
    if (!placement?.replaces) continue;
    for (const [unit, names] of leaving) {
      const sent = found.has(unit) ? undefined : names.find((name) => replaces(placement, by, name));
      if (sent === undefined) continue;
      const how = `${by} replaces ${sent}${sent === unit ? '' : `, and ${unit} is where that is`}`;
      found.set(unit, { unit, by, how });
      open.push(unit);
    }
    if (found.has(start)) return stepsTo(start, found);
  }
  return null;
}

function stepsTo(start: string, found: ReadonlyMap<string, Step>): Step[] {
  const steps: Step[] = [];
  for (let step = found.get(start); step; step = step.by === start ? undefined : found.get(step.by))
    steps.unshift(step);
  return steps;
}
