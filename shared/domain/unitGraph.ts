import type { ClusterState } from './clusterState.ts';
import {
  type Dependencies,
  type DependencyKind,
  hardKinds,
  indexKeys,
  inverses,
  isOverruled,
  keyOf,
} from './dependencies.ts';
import { Index } from './table.ts';
import type { UnitRef } from './unit.ts';
import type { Placement } from './unitSpec.ts';

const byInstall = new Set<DependencyKind>(['RequiredBy', 'WantedBy']);

/** Who depends on whom among the units that the cluster knows, or will know with what a command brings. */
export class UnitGraph {
  readonly #state: ClusterState;
  /** What comes goes before what is known. */
  readonly #coming = new Map<string, NonNullable<UnitRef['submission']>>();
  readonly #mentions = new Index();
  /** By unit: those that are coming and say `MachineOf=` of it. */
  readonly #following = new Index();
  readonly #withUnloaded: boolean;

  /** `withUnloaded`: what `[Install]` of units says that are not loaded counts too. */
  constructor(state: ClusterState, refs: readonly UnitRef[] = [], { withUnloaded = false } = {}) {
    this.#state = state;
    this.#withUnloaded = withUnloaded;
    for (const { name, submission } of refs) {
      if (submission === undefined) continue;
      this.#coming.set(name, submission);
      const { machineOf } = submission.placement;
      if (machineOf !== undefined) this.#following.add(machineOf, name);
      for (const other of indexKeys(submission.dependencies)) this.#mentions.add(other, name);
    }
  }

  has(name: string): boolean {
    return this.#coming.has(name) || this.#state.units.has(name);
  }

  dependenciesOf(name: string): Dependencies {
    return (this.#coming.get(name) ?? this.#state.units.get(name))?.dependencies ?? {};
  }

  placementOf(name: string): Placement | undefined {
    return (this.#coming.get(name) ?? this.#state.units.get(name))?.placement;
  }

  /** The known units to which this one has one of these relations, whoever of the two states it. */
  related(name: string, kinds: readonly DependencyKind[]): string[] {
    const found = new Set<string>();
    for (const kind of kinds) {
      const own = this.dependenciesOf(name);
      for (const other of own[kind] ?? []) {
        const isVoid = kind === 'After' && isOverruled(name, own, other, this.dependenciesOf(other));
        if (this.has(other) && !isVoid) found.add(other);
      }
      for (const other of this.#naming(name, inverses[kind])) found.add(other);
    }
    found.delete(name);
    return [...found].sort();
  }

  /** The known units that have one of these relations to this one. */
  relatedTo(name: string, kinds: readonly DependencyKind[]): string[] {
    const found = new Set<string>();
    for (const kind of kinds) {
      for (const other of this.#naming(name, kind)) found.add(other);
      const inverse = inverses[kind];
      if (inverse === undefined || !this.#counts(name, inverse)) continue;
      for (const other of this.dependenciesOf(name)[inverse] ?? []) if (this.has(other)) found.add(other);
    }
    found.delete(name);
    return [...found].sort();
  }

  /** The known units beside which this one has to run: those that it requires, and the one that `MachineOf=` names. */
  needs(name: string): string[] {
    const machineOf = this.placementOf(name)?.machineOf;
    const required = this.related(name, hardKinds);
    return machineOf !== undefined && this.has(machineOf) ? [...required, machineOf] : required;
  }

  neededBy(name: string): string[] {
    const known = [...this.#state.followers.get(name)].filter((other) => !this.#coming.has(other));
    return [...this.relatedTo(name, hardKinds), ...known, ...this.#following.get(name)];
  }

  #naming(name: string, kind: DependencyKind | undefined): string[] {
    if (kind === undefined) return [];
    const key = keyOf(kind, name);
    const known = [...this.#state.dependents.get(key)].filter((other) => !this.#coming.has(other));
    return [...known, ...this.#mentions.get(key)].filter((other) => this.#counts(other, kind));
  }

  /** `[Install]` counts for units that are loaded: fleet enabled them in systemd then. */
  #counts(name: string, kind: DependencyKind): boolean {
    if (this.#withUnloaded || !byInstall.has(kind) || this.#coming.has(name)) return true;
    return (this.#state.units.get(name)?.desired ?? 'inactive') !== 'inactive';
  }
}

/** Everything that is reached from a unit in steps, without the unit itself. */
export function closure(start: string, next: (name: string) => Iterable<string>): Set<string> {
  const found = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    for (const other of next(name)) {
      if (found.has(other) || other === start) continue;
      found.add(other);
      open.push(other);
    }
  }
  return found;
}
