import type { ClusterState, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { reservedOn } from '../../../shared/domain/reserving.ts';
import { unitFile } from '../../../shared/domain/views.ts';
import type { Explanation, MachineVerdict, PlaceState } from '../../../shared/protocol/queries.ts';
import { judge } from './filters.ts';
import { compareRanked, rankFor, scoreOf } from './ranking.ts';

/** Why a unit is where it is, or is nowhere: what each filter says of each machine, and how the machines rank. */
export function explain(state: ClusterState, name: string, seq: number): Explanation {
  const unit = state.units.get(name);
  if (!unit) return { unit: name, seq, places: [], machines: [] };
  const places = Object.entries(unit.machines).map(([machine, place]) => ({
    machine,
    ...place,
    ...stateThere(state, name, machine),
    ...awaitedThere(state, unit),
  }));
  const wishes = state.pending.get(name) ?? (places.length === 0 ? state.waiting.get(name)?.why : undefined);
  return {
    unit: name,
    seq,
    file: unitFile(state, unit),
    places: places.sort((a, b) => (a.machine < b.machine ? -1 : 1)),
    ...(wishes === undefined ? {} : { wishes }),
    machines: verdicts(state, unit),
  };
}

function stateThere(state: ClusterState, name: string, machine: string): { state?: PlaceState } {
  const report = state.reports.get(machine)?.get(name);
  if (!report) return {};
  const { active, sub, result, reason } = report;
  return { state: { active, sub, result, reason } };
}

function awaitedThere({ awaiting }: ClusterState, { name, placement }: UnitRecord): { awaits?: string } {
  const { machine } = awaiting.get(name) ?? {};
  return machine === undefined || placement.global ? {} : { awaits: machine };
}

/** Those that may take the unit in the order of their rank, then the others. */
function verdicts(state: ClusterState, unit: UnitRecord): MachineVerdict[] {
  const scores = new Map(rankFor(state, unit).map(({ machine, score }) => [machine.machine, score]));
  const judged = [...state.machines.values()].map((machine) => {
    const filters = judge(state, Object.hasOwn(unit.machines, machine.machine) ? withoutNeeds(unit) : unit, machine);
    const score = scores.get(machine.machine) ?? scoreOf(machine, state.loads.get(machine.machine));
    return { machine, score, filters, mayTake: Object.values(filters).every((reason) => reason === null) };
  });
  judged.sort((a, b) => Number(b.mayTake) - Number(a.mayTake) || compareRanked(a, b));
  return judged.map(({ machine: { machine: id, hostname, capacity }, score, filters, mayTake }, index) => {
    const isHere = Object.hasOwn(unit.machines, id);
    const needs = reservedOn(unit.resources, capacity);
    return { id, hostname, isHere, filters, score, rank: mayTake ? index + 1 : null, needs };
  });
}

/** Where it is, it has its room already. */
function withoutNeeds(unit: UnitRecord): UnitRecord {
  return { ...unit, resources: {}, text: '' };
}
