import { type ClusterState, draft, type UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../../shared/domain/events.ts';
import { leaderThere } from '../../../shared/domain/following.ts';
import { type Rejection, reject } from '../../../shared/domain/rejection.ts';
import { describeRejected } from '../../../shared/domain/views.ts';
import type { MoveUnits } from '../../../shared/protocol/commands.ts';
import { rejects } from './filters.ts';
import { Work } from './work.ts';

export interface Move {
  unit: UnitRecord;
  from: string;
  /** Only there; any other machine otherwise. */
  to?: string | undefined;
  reason: string;
  /** It does not come back before, ms since 1970. */
  avoidUntil?: number;
}

/**
 * Takes the unit from its machine, if another one takes it now: null then, else why none does. Where it goes is decided
 * with all other units that wish a machine.
 */
export function move(work: Work, { unit, from, to, reason, avoidUntil }: Move): Record<string, number> | null {
  const { winner, rejected } = work.pick(unit, { from, to });
  if (winner === undefined) return rejected;
  const aim = { ...(to === undefined ? {} : { to }), ...(avoidUntil === undefined ? {} : { avoidUntil }) };
  work.apply({ type: 'UnitEvicted', unit: unit.name, machine: from, reason, move: aim });
  return null;
}

/** What the wish to have units on other machines leads to; all of them move, or none. */
export function decideMoves(state: ClusterState, { units, reason }: MoveUnits): ClusterEvent[] | Rejection {
  const work = new Work(draft(state), { seq: 0, at: 0 });
  const problems: string[] = [];
  for (const { name, to } of units) {
    const problem =
      to !== undefined && !state.machines.has(to) ? `there is no machine ${to}` : moveOne(work, name, to, reason);
    if (problem !== null) problems.push(`${name}: ${problem}`);
  }
  if (problems.length === 0) return work.tasks;
  return reject('cannot-move', 'nothing was moved', problems);
}

function moveOne(work: Work, name: string, to: string | undefined, reason: string): string | null {
  const unit = work.state.units.get(name);
  const [from] = Object.keys(unit?.machines ?? {});
  if (unit === undefined) return 'no such unit';
  if (unit.placement.global) return 'a global unit runs on every machine; keep it off one with MachineMetadata=';
  if (unit.placement.machineOf !== undefined) return `it is where ${unit.placement.machineOf} is: move that one`;
  if (from === undefined) return 'it has no machine';
  const leader = leaderThere(work.state, name, from);
  if (leader !== undefined) return `it is where ${leader} is, which it requires: move that one`;
  if (from === to) return null;
  const rejected = move(work, { unit, from, to, reason });
  if (rejected === null) return null;
  const machine = to === undefined ? undefined : work.state.machines.get(to);
  return machine ? (rejects(work.state, unit, machine) ?? 'it cannot be moved there') : describeRejected(rejected);
}
