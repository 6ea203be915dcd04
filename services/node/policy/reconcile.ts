import type { AssignedUnit, Assignment } from '../../../shared/protocol/node.ts';

/** What the node has of a unit. */
export interface KnownUnit {
  hash: string;
  goal: number;
  token: number;
  awaits?: string | undefined;
  /** It is being stopped for good. */
  retiring: boolean;
}

export type NodeTask = { reason: string } & (
  | { type: 'create'; unit: AssignedUnit }
  | { type: 'setGoal'; unit: AssignedUnit }
  /** Stop it and forget it; an assigned successor is created when it is gone. */
  | { type: 'retire'; name: string }
);

/** What the machine has to do so that it has exactly the units that it is assigned, as they are wished. */
export function reconcile(known: ReadonlyMap<string, KnownUnit>, assignment: Assignment): NodeTask[] {
  const assigned = new Map(assignment.units.map((unit) => [unit.name, unit]));
  const tasks: NodeTask[] = [];
  for (const [name, unit] of known) {
    if (!unit.retiring && !assigned.has(name)) tasks.push({ type: 'retire', name, reason: 'no longer assigned here' });
  }
  for (const unit of assigned.values()) {
    const task = taskFor(known.get(unit.name), unit);
    if (task) tasks.push(task);
  }
  return tasks;
}

function taskFor(known: KnownUnit | undefined, unit: AssignedUnit): NodeTask | null {
  if (!known) return { type: 'create', unit, reason: 'newly assigned' };
  if (known.retiring) return null;
  if (known.hash !== unit.hash) return { type: 'retire', name: unit.name, reason: 'replaced by a new version' };
  if (known.goal < unit.goal || known.token < unit.token) return { type: 'setGoal', unit, reason: 'its goal changed' };
  if (known.awaits !== unit.awaits)
    return { type: 'setGoal', unit, reason: 'its copy elsewhere has ended, or not yet' };
  return null;
}
