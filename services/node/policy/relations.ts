import { type Dependencies, type DependencyKind, inverses, isOverruled } from '../../../shared/domain/dependencies.ts';

type Related = (name: string) => readonly string[];

/** Who has what to do with whom among the units on a machine, whoever of the two states it. */
export interface Relations {
  /** Those that have to do with others. */
  names: readonly string[];
  /** Units that go first when both start, and last when both stop. Those in a circle are not ordered. */
  after: Related;
  before: Related;
  requires: Related;
  requisite: Related;
  bindsTo: Related;
  upholds: Related;
  wants: Related;
  /** Those that require, want or uphold it. */
  neededBy: Related;
}

/** By unit: what its file states. Names of units that are not here mean nothing. */
export function relationsOf(stated: ReadonlyMap<string, Dependencies>): Relations {
  const after = withoutCircles(gather(stated, 'After'));
  const before = reverse(after);
  const requires = gather(stated, 'Requires');
  const requisite = gather(stated, 'Requisite');
  const bindsTo = gather(stated, 'BindsTo');
  const upholds = gather(stated, 'Upholds');
  const wants = gather(stated, 'Wants');
  const neededBy = reverse(merge([requires, requisite, bindsTo, wants, upholds]));
  const all = [after, before, requires, requisite, bindsTo, upholds, wants];
  const names = new Set(all.flatMap((links) => [...links].flatMap(([name, others]) => [name, ...others])));
  const by = (links: Links): Related => {
    const found = new Map([...links].map(([name, others]) => [name, [...others].sort()]));
    return (name) => found.get(name) ?? [];
  };
  return {
    names: [...names].sort(),
    after: by(after),
    before: by(before),
    requires: by(requires),
    requisite: by(requisite),
    bindsTo: by(bindsTo),
    upholds: by(upholds),
    wants: by(wants),
    neededBy: by(neededBy),
  };
}

type Links = Map<string, Set<string>>;

function gather(stated: ReadonlyMap<string, Dependencies>, kind: DependencyKind): Links {
  const links: Links = new Map();
  const inverse = inverses[kind];
  const add = (name: string, other: string) => {
    if (name !== other && stated.has(name) && stated.has(other))
      links.set(name, (links.get(name) ?? new Set()).add(other));
  };
  for (const [name, dependencies] of stated) {
    for (const other of dependencies[kind] ?? []) {
      const isVoid = kind === 'After' && isOverruled(name, dependencies, other, stated.get(other) ?? {});
      if (!isVoid) add(name, other);
    }
    if (inverse !== undefined) for (const other of dependencies[inverse] ?? []) add(other, name);
  }
  return links;
}

function merge(all: readonly Links[]): Links {
  const merged: Links = new Map();
  for (const [name, others] of all.flatMap((links) => [...links])) {
    const known = merged.get(name) ?? new Set();
    for (const other of others) known.add(other);
    merged.set(name, known);
  }
  return merged;
}

function reverse(links: Links): Links {
  const reversed: Links = new Map();
  for (const [name, others] of links) {
    for (const other of others) reversed.set(other, (reversed.get(other) ?? new Set()).add(name));
  }
  return reversed;
}

/** A circle would never come to an end. It was refused at submit; but nothing may hang on that. */
function withoutCircles(links: Links): Links {
  const reach = new Map([...links.keys()].map((name) => [name, reachOf(links, name)]));
  return new Map(
    [...links].map(([name, others]) => [name, new Set([...others].filter((other) => !reach.get(other)?.has(name)))]),
  );
}

function reachOf(links: Links, start: string): Set<string> {
  const found = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const other of links.get(name) ?? []) {
      if (found.has(other)) continue;
      found.add(other);
      open.push(other);
    }
  }
  return found;
}
