/** `Replaces=`: units that have to leave the machine that another one comes to. */
import type { ClusterState } from './clusterState.ts';
import { matchesGlob } from './glob.ts';
import { type Rejection, reject } from './rejection.ts';
import type { UnitRef } from './unit.ts';
import type { Placement } from './unitSpec.ts';

/** Whether a unit with this placement sends the other one away. */
export function replaces({ replaces: globs }: Placement, self: string, other: string): boolean {
  return globs !== undefined && self !== other && globs.some((glob) => matchesGlob(glob, other));
}

/** Units that send each other away, directly or in a circle, would never come to rest. */
export function refuseCircle(state: ClusterState, refs: readonly UnitRef[]): Rejection | null {
  const coming = refs.flatMap(({ submission }) => (submission?.placement.replaces ? [submission] : []));
  if (coming.length === 0) return null;
  const sent = new Set(refs.flatMap(({ name, submission }) => (submission ? [name] : [])));
  const known = [...state.units.values()].filter((unit) => unit.placement.replaces && !sent.has(unit.name));
  const replacing = new Map([...known, ...coming].map(({ name, placement }) => [name, placement]));
  for (const { name } of coming) {
    const circle = findCircle(replacing, [name]);
    if (circle) return reject('invalid-unit', `units replace each other in a circle: ${circle.join(' → ')}`);
  }
  return null;
}

/** From the first of the path back to it, or null. */
function findCircle(
  replacing: ReadonlyMap<string, Placement>,
  path: string[],
  seen = new Set<string>(),
): string[] | null {
  const [first = ''] = path;
  const last = path.at(-1) ?? '';
  const placement = replacing.get(last);
  if (!placement) return null;
  for (const name of replacing.keys()) {
    if (!replaces(placement, last, name)) continue;
    if (name === first) return [...path, first];
    if (seen.has(name)) continue;
    seen.add(name);
    const circle = findCircle(replacing, [...path, name], seen);
    if (circle) return circle;
  }
  return null;
}
