/** What units choose machines by: what a node says of its machine, and what was set at run time, which goes before it. */
import type { ClusterState, MetadataOverrides } from './clusterState.ts';
import type { ClusterEvent } from './events.ts';
import { want } from './unit.ts';
import type { Placement } from './unitSpec.ts';

export type Metadata = Readonly<Record<string, string>>;

export interface MetadataChange {
  machine: string;
  key: string;
  /** null: it is taken away. */
  value: string | null;
}

/** Changes are made in their order; those of a machine that is not there, or not yet, hold when it comes. */
export interface MetadataCommand {
  type: 'ChangeMachineMetadata';
  changes: MetadataChange[];
}

export function decideMetadata(state: ClusterState, { changes }: MetadataCommand): ClusterEvent[] {
  const machines = [...new Set(changes.map(({ machine }) => machine))];
  return machines.flatMap((machine) => {
    const before = metadataOf(state, machine);
    const wished = changes
      .filter((change) => change.machine === machine)
      .map(({ key, value }) => [key, value] as const);
    const metadata = withOverrides(before, Object.fromEntries(wished));
    return sameMetadata(before, metadata) ? [] : [{ type: 'MachineMetadataChanged', machine, metadata }];
  });
}

type MetadataEvent = Extract<ClusterEvent, { type: 'MachineMetadataChanged' }>;

/** What differs from what was so outlasts the machine's absence. Units that do not fit any more have to go. */
export function evolveMetadata(state: ClusterState, { machine, metadata }: MetadataEvent): void {
  const before = metadataOf(state, machine);
  state.metadata.set(machine, { ...state.metadata.get(machine), ...difference(before, metadata) });
  const record = state.machines.get(machine);
  if (!record) return;
  state.machines.set(machine, { ...record, metadata });
  for (const name of [...state.assigned.get(machine)].sort()) {
    const unmet = unmetMetadata(state.units.get(name)?.placement, metadata);
    if (unmet !== null) want(state, name, `machine ${machine} was changed: ${unmet}`);
  }
}

/** Why a machine with this metadata may not take a unit, or null. */
export function unmetMetadata(placement: Placement | undefined, metadata: Metadata): string | null {
  const unmet = placement?.metadata.find(({ key, values }) => !values.includes(metadata[key] ?? ''));
  return unmet === undefined ? null : `metadata ${unmet.key} is not ${unmet.values.join(' or ')}`;
}

/** Sorted by key, so that the same metadata has the same bytes. */
export function withOverrides(own: Metadata, overrides: MetadataOverrides | undefined): Metadata {
  if (overrides === undefined) return own;
  const pairs = Object.entries({ ...own, ...overrides }).filter((pair): pair is [string, string] => pair[1] !== null);
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function metadataOf(state: ClusterState, machine: string): Metadata {
  return state.machines.get(machine)?.metadata ?? withOverrides({}, state.metadata.get(machine));
}

function difference(before: Metadata, after: Metadata): MetadataOverrides {
  const gone = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return Object.fromEntries([...gone.map((key) => [key, null] as const), ...set]);
}

function sameMetadata(a: Metadata, b: Metadata): boolean {
  return Object.keys(difference(a, b)).length === 0;
}
