import type { ClusterState, Cordon, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { leaderThere } from '../../../shared/domain/following.ts';
import { describeRejected } from '../../../shared/domain/views.ts';
import { rejects } from './filters.ts';
import { move } from './moving.ts';
import { countReason, type Work } from './work.ts';

/**
 * Takes each drain that is under way one step further. One by one, the next unit goes when the one before it is well
 * where it is now; a unit that no other machine takes stays, and the drain waits for it. What runs on every machine goes
 * last. It looks at what is, so that a drain goes on under the next leader where it was.
 */
export function drainMachines(work: Work): void {
  const { state } = work;
  for (const [machine, cordon] of [...state.cordons.entries()].sort(byKey)) {
    if (isUnderWay(cordon)) drainMachine(work, machine, cordon);
  }
}

/** Whether a drain waits for what nodes report. */
export function isDraining(state: ClusterState): boolean {
  for (const cordon of state.cordons.values()) if (isUnderWay(cordon)) return true;
  return false;
}

function isUnderWay({ drain }: Cordon): boolean {
  return drain === 'one-by-one' || drain === 'at-once';
}

function drainMachine(work: Work, machine: string, cordon: Cordon): void {
  const { state } = work;
  const isOneByOne = cordon.drain === 'one-by-one';
  if (isOneByOne && onTheWay(state, machine).length > 0) return;
  const reason = `machine ${machine} is drained${cordon.reason === '' ? '' : `: ${cordon.reason}`}`;
  for (const unit of movable(state, machine)) {
    if (work.isFull) return;
    const hasMoved = move(work, { unit, from: machine, reason }) === null;
    if (hasMoved && isOneByOne) return;
    if (!hasMoved && !isOneByOne) evict(work, unit, machine, reason);
  }
  const left = [...state.assigned.get(machine)].flatMap((name) => state.units.get(name) ?? []);
  if (!left.every(({ placement }) => placement.global)) return;
  for (const unit of left.sort(byName)) evict(work, unit, machine, reason);
  work.apply({ type: 'MachineDrained', machine });
}

/** Those that left the machine and are not well yet where they are now. */
export function onTheWay(state: ClusterState, machine: string): string[] {
  return [...state.moving.entries()]
    .filter(([, { from }]) => from === machine)
    .map(([name]) => name)
    .sort();
}

/** Why a unit cannot leave the machine now, or null. */
export function staysFor(state: ClusterState, name: string, machine: string): string | null {
  const unit = state.units.get(name);
  if (!unit) return null;
  const { global, machineOf } = unit.placement;
  if (global) return 'it runs on every machine, and goes last';
  const leader = isHere(state, machine, machineOf) ? machineOf : leaderThere(state, name, machine);
  if (leader !== undefined) return `it goes with ${leader}`;
  const rejected: Record<string, number> = {};
  for (const other of state.machines.values()) {
    if (other.machine === machine || other.state !== 'ready') continue;
    const reason = rejects(state, unit, other);
    if (reason === null) return null;
    countReason(rejected, reason);
  }
  return `no other machine takes it: ${describeRejected(rejected)}`;
}

/** What goes by itself: not what runs on every machine, nor what follows a unit here. */
function movable(state: ClusterState, machine: string): UnitRecord[] {
  return [...state.assigned.get(machine)]
    .flatMap((name) => state.units.get(name) ?? [])
    .filter(({ placement: { global, machineOf } }) => !global && !isHere(state, machine, machineOf))
    .filter(({ name }) => leaderThere(state, name, machine) === undefined)
    .sort(byName);
}

function isHere(state: ClusterState, machine: string, unit: string | undefined): boolean {
  return unit !== undefined && state.assigned.get(machine).has(unit);
}

function evict(work: Work, unit: UnitRecord, machine: string, reason: string): void {
  work.apply({ type: 'UnitEvicted', unit: unit.name, machine, reason });
}

function byName(a: UnitRecord, b: UnitRecord): number {
  return a.name < b.name ? -1 : 1;
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}
