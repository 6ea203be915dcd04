/** What units say of each other that can never hold together: found when they are submitted. */
import type { ClusterState } from './clusterState.ts';
import { followingCircle } from './following.ts';
import { matchesGlob } from './glob.ts';
import { type Rejection, reject } from './rejection.ts';
import type { UnitRef } from './unit.ts';
import { closure, UnitGraph } from './unitGraph.ts';
import type { Placement } from './unitSpec.ts';

/** All contradictions that the units of a command would bring about, or null. */
export function refuseContradictions(state: ClusterState, refs: readonly UnitRef[]): Rejection | null {
  const coming = refs.filter(({ submission }) => submission !== undefined).map(({ name }) => name);
  const graph = new UnitGraph(state, refs, { withUnloaded: true });
  const involved = coming.filter((name) => isInvolved(state, graph, name));
  const following = refuseFollowing(graph, coming);
  if (following || involved.length === 0) return following;
  const cycles = orderingCycles(graph, involved);
  const details = [...cycles.flatMap((cycle) => cycle.details), ...new Set(involved.flatMap((n) => apart(graph, n)))];
  if (details.length === 0) return null;
  const [cycle] = cycles;
  const message = cycle
    ? `units wait for each other in a circle: ${cycle.path.join(' → ')}`
    : 'units that need each other cannot be on one machine';
  return reject('invalid-unit', message, details);
}

/** The unit says something of others, or they of it. */
export function isInvolved(state: ClusterState, graph: UnitGraph, name: string): boolean {
  const isNamed = state.dependents.get(name).size > 0 || state.followers.get(name).size > 0;
  return isNamed || Object.keys(graph.dependenciesOf(name)).length > 0;
}

/** Units that say of each other that they are where the other one is: none of them says where. */
function refuseFollowing(graph: UnitGraph, coming: readonly string[]): Rejection | null {
  for (const name of coming) {
    const path = followingCircle(name, (unit) => graph.placementOf(unit));
    if (path === null) continue;
    const details = path.slice(1).map((target, at) => `${path[at]} says MachineOf=${target}`);
    return reject('invalid-unit', `units follow each other in a circle: ${path.join(' → ')}`, details);
  }
  return null;
}

interface Cycle {
  /** From a unit back to it, each after the next. */
  path: string[];
  details: string[];
}

/** One through each unit that is in one, but none twice. */
function orderingCycles(graph: UnitGraph, units: readonly string[]): Cycle[] {
  const cycles: Cycle[] = [];
  for (const unit of units) {
    if (cycles.some(({ path }) => path.includes(unit))) continue;
    const path = pathBack(graph, unit);
    if (path) cycles.push({ path, details: path.slice(1).map((next, at) => wording(graph, path[at] ?? '', next)) });
  }
  return cycles;
}

/** The shortest way of `After=` from the unit back to it. */
function pathBack(graph: UnitGraph, unit: string): string[] | null {
  const cameFrom = new Map<string, string>();
  const open = [unit];
  for (let at = open.shift(); at !== undefined; at = open.shift()) {
    for (const next of graph.related(at, ['After'])) {
      if (next === unit) return [...wayTo(cameFrom, unit, at), unit];
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, at);
      open.push(next);
    }
  }
  return null;
}

function wayTo(cameFrom: ReadonlyMap<string, string>, start: string, end: string): string[] {
  const way = [end];
  for (let at = end; at !== start; at = way[0] ?? start) way.unshift(cameFrom.get(at) ?? start);
  return way;
}

function wording(graph: UnitGraph, unit: string, next: string): string {
  const isOwn = graph.dependenciesOf(unit).After?.includes(next);
  return isOwn ? `${unit} says After=${next}` : `${next} says Before=${unit}`;
}

/** Why a unit cannot be beside what it needs, or what it needs not beside each other. */
function apart(graph: UnitGraph, name: string): string[] {
  return [name, ...closure(name, (unit) => graph.neededBy(unit))].flatMap((unit) => {
    const needed = [...closure(unit, (one) => graph.needs(one))].sort();
    const group = [unit, ...needed];
    return [
      ...needed.flatMap((other) => notEverywhere(graph, unit, other)),
      ...group.flatMap((one, at) => group.slice(at + 1).flatMap((other) => conflict(graph, unit, one, other))),
    ];
  });
}

function notEverywhere(graph: UnitGraph, unit: string, needed: string): string[] {
  if (!graph.placementOf(unit)?.global || graph.placementOf(needed)?.global) return [];
  return [
    `${unit} runs on every machine (Global=) and needs ${needed}, which runs on one: make ${needed} global too, or write Wants=${needed}`,
  ];
}

function conflict(graph: UnitGraph, unit: string, one: string, other: string): string[] {
  const [a, b] = [graph.placementOf(one), graph.placementOf(other)];
  if (!a || !b) return [];
  const why = graph.related(one, ['Conflicts']).includes(other)
    ? `${one} and ${other} conflict, so that starting one stops the other`
    : (repels(one, a, other) ?? repels(other, b, one) ?? places(one, a, other, b));
  if (why === null) return [];
  const who = one === unit ? `${one} needs ${other}` : `${unit} needs ${one} and ${other}`;
  return [`${who}, so that they run on one machine; but ${why}`];
}

function repels(name: string, { conflicts, replaces = [] }: Placement, other: string): string | null {
  const conflict = conflicts.find((glob) => matchesGlob(glob, other));
  if (conflict !== undefined) return `${name} says Conflicts=${conflict} in [X-Fleet]`;
  const replaced = replaces.find((glob) => matchesGlob(glob, other));
  return replaced === undefined ? null : `${name} says Replaces=${replaced}`;
}

function places(one: string, a: Placement, other: string, b: Placement): string | null {
  if (a.machineId !== undefined && b.machineId !== undefined && a.machineId !== b.machineId) {
    return `${one} says MachineID=${a.machineId}, and ${other} MachineID=${b.machineId}`;
  }
  for (const { key, values } of a.metadata) {
    const others = b.metadata.find((pair) => pair.key === key)?.values;
    if (others && !others.some((value) => values.includes(value))) {
      return `${one} wants machines with ${key}=${values.join(' or ')}, and ${other} with ${key}=${others.join(' or ')}`;
    }
  }
  return null;
}
