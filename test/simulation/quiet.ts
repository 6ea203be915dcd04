/** What is not as the log says, when nothing goes wrong any more. */
import { rejects } from '../../services/scheduler/policy/filters.ts';
import type { ClusterState, UnitRecord } from '../../shared/domain/clusterState.ts';
import type { Machine } from './machine.ts';

export function unsettled(state: ClusterState, machines: readonly Machine[]): string[] {
  const problems: string[] = [];
  for (const { id } of machines) {
    const known = state.machines.get(id)?.state ?? 'unknown';
    if (known !== 'ready') problems.push(`machine ${id} is ${known}`);
  }
  for (const unit of state.pending.keys()) problems.push(`${unit} waits to be looked at`);
  for (const unit of state.units.values()) problems.push(...placeProblems(state, unit));
  for (const machine of machines) problems.push(...runProblems(state, machine));
  return problems;
}

function placeProblems(state: ClusterState, unit: UnitRecord): string[] {
  if (unit.desired === 'inactive' || unit.placement.global || Object.keys(unit.machines).length > 0) return [];
  const possible = [...state.machines.values()].filter(
    (machine) => machine.state === 'ready' && rejects(state, unit, machine) === null,
  );
  return possible.map(({ machine }) => `${unit.name} has no machine, and ${machine} could take it`);
}

/** Every launched unit runs where the log says, once; nothing else runs; and the log says so. */
function runProblems(state: ClusterState, { id, mains }: Machine): string[] {
  const problems: string[] = [];
  const running = new Map<string, number>();
  for (const { unit, process } of mains.values()) {
    const { restart = 0 } = state.units.get(unit) ?? {};
    if (process.token < restart) problems.push(`${unit} was not restarted on ${id}, as was asked at ${restart}`);
  }
  for (const { unit } of mains.values()) running.set(unit, (running.get(unit) ?? 0) + 1);
  for (const unit of state.units.values()) {
    const isHere = Object.hasOwn(unit.machines, id);
    const wanted = isHere && unit.desired === 'launched' ? 1 : 0;
    const count = running.get(unit.name) ?? 0;
    running.delete(unit.name);
    if (count !== wanted) problems.push(`${unit.name} runs ${count} times on ${id}, and should ${wanted} times`);
    const report = state.reports.get(id)?.get(unit.name);
    const told = report?.active ?? 'nothing';
    if ((told === 'active') !== (wanted === 1)) problems.push(`the log says of ${unit.name} on ${id}: ${told}`);
    if (isHere && report && report.goal < unit.goal)
      problems.push(`${id} has not taken up goal ${unit.goal} of ${unit.name}`);
    if (!isHere && report) problems.push(`${id} still reports ${unit.name}`);
  }
  for (const [unit, count] of running) problems.push(`${unit} runs ${count} times on ${id}, and is no unit`);
  return problems;
}
