import { type ClusterState, draft, type MachineRecord, type UnitRecord } from '../../../shared/domain/clusterState.ts';
import type { RebalanceOutcome, Score } from '../../../shared/domain/events.ts';
import { followedBy, followersOf } from '../../../shared/domain/following.ts';
import { rebalanceUnderWay } from '../../../shared/domain/rebalance.ts';
import { hasDoneItsWork, isWell } from '../../../shared/domain/unit.ts';
import { templateOfName } from '../../../shared/domain/unitName.ts';
import type { PlannedMove, RebalancePlan } from '../../../shared/protocol/queries.ts';
import { balanceOf, evenable, fullness, type Loads, loadsOf } from './balance.ts';
import { rejects } from './filters.ts';
import { compareSpread, hasPreferences, rankFor } from './ranking.ts';
import { Work } from './work.ts';

/**
 * Takes the rebalance that is under way one step further: the next unit moves when the one before it is well where it is
 * now. It ends when no move makes the cluster more even, or one has gone wrong. It looks at what is, so that it goes on
 * under the next leader.
 */
export function rebalance(work: Work): void {
  const { state } = work;
  const under = rebalanceUnderWay(state);
  if (under === null || work.isFull || state.pending.size > 0) return;
  const trouble = under.last === undefined ? null : troubleOf(state, under.last);
  const end = (outcome: RebalanceOutcome, reason: string) =>
    work.apply({ type: 'RebalanceEnded', moves: under.moves, outcome, reason });
  if (trouble !== null) return end('failed', trouble);
  if (isAnyOnTheWay(state)) return;
  if (under.moves >= under.maxMoves) return end('limit', 'it has made as many moves as were asked for');
  const next = bestMove(state);
  if (next === null) return end('even', 'no move makes the cluster more even');
  const { unit, from, to, why } = next;
  const reason = `rebalanced: ${why}${under.reason === '' ? '' : ` (${under.reason})`}`;
  work.apply({ type: 'UnitEvicted', unit, machine: from, reason, move: { to, by: 'rebalance' } });
}

/** What a rebalance would do now, without doing it. Each move is taken to succeed. */
export function planRebalance(state: ClusterState, maxMoves: number): RebalancePlan {
  const work = new Work(draft(state), { seq: 0, at: 0 });
  const before = balanceOf(work.state);
  const moves: PlannedMove[] = [];
  for (let next = bestMove(work.state); next !== null && moves.length < maxMoves; next = bestMove(work.state)) {
    moves.push(next);
    const { unit, from, to, why: reason } = next;
    work.apply({ type: 'UnitEvicted', unit, machine: from, reason, move: { to } });
    const score = { load: 0, units: 0 };
    work.apply({ type: 'UnitPlaced', unit, machine: to, reason, score, rejected: {} });
    arrive(work.state, unit, from, to);
  }
  return { moves, before, after: balanceOf(work.state) };
}

/** In a plan a unit is as well where it goes as it was. */
function arrive(state: ClusterState, name: string, from: string, to: string): void {
  const report = state.reports.get(from)?.get(name);
  const unit = state.units.get(name);
  if (report && unit) state.reports.set(to, new Map(state.reports.get(to)).set(name, { ...report, goal: unit.goal }));
  state.moving.delete(name);
}

/** Why a unit that was moved will not be well by itself, or null. */
function troubleOf(state: ClusterState, name: string): string | null {
  const unit = state.moving.has(name) ? state.units.get(name) : undefined;
  if (!unit) return null;
  const [place] = Object.keys(unit.machines);
  if (place === undefined) return `${name} has left its machine and finds no other one`;
  const report = state.reports.get(place)?.get(name);
  const isFailed = report !== undefined && report.goal >= unit.goal && report.active === 'failed';
  return isFailed ? `${name} failed on ${place}, where it was moved to` : null;
}

function isAnyOnTheWay(state: ClusterState): boolean {
  for (const [name] of state.moving.entries()) if (troubleOf(state, name) === null) return true;
  return false;
}

/** What a move improves, the most important first; each is better the lower it is. */
interface Gain {
  spread: number;
  affinity: number;
  load: number;
  units: number;
}

/** A machine as it is now. */
interface Site {
  machine: MachineRecord;
  fullness: number;
  units: number;
}

interface Candidate extends PlannedMove {
  gain: Gain;
}

/**
 * The move that evens out most of those from the fullest machine that has one. Each makes the cluster strictly more even
 * by the same measure, of whole numbers: so moves come to an end, and none is ever taken back.
 */
function bestMove(state: ClusterState): PlannedMove | null {
  const loads = loadsOf(state);
  const sources = evenable(state)
    .map((machine) => ({ machine, fullness: fullness(loads, machine), units: unitsOn(loads, machine) }))
    .sort((a, b) => b.fullness - a.fullness || b.units - a.units || (a.machine.machine < b.machine.machine ? -1 : 1));
  const targets = [...sources].reverse();
  const isMixed = mixedTemplates(state);
  const moving = (withPreferences: boolean) => (unit: UnitRecord, machine: MachineRecord) =>
    hasPreferences(unit) === withPreferences && !isMixed(unit) && mayMove(state, unit, machine);
  const even: Evening = { state, loads, sources, targets };
  return firstOf(even, moving(true)) ?? firstOf(even, moving(false));
}

/** What a move is looked for in; machines from the fullest, and from the emptiest. */
interface Evening {
  state: ClusterState;
  loads: Loads;
  sources: Site[];
  targets: Site[];
}

function firstOf(evening: Evening, moves: (unit: UnitRecord, machine: MachineRecord) => boolean): PlannedMove | null {
  const { state, loads, sources } = evening;
  for (const site of sources) {
    const { machine: source } = site;
    const units = [...state.assigned.get(source.machine)].sort().flatMap((name) => state.units.get(name) ?? []);
    const improving = new Map<string, { target: MachineRecord; gain: Gain }[]>();
    let best: Candidate | null = null;
    for (const unit of units) {
      if (!moves(unit, source)) continue;
      const key = hasPreferences(unit) ? unit.name : `${unit.resources.memoryBytes} ${unit.resources.cpus}`;
      // Units that reserve the same are worth the same elsewhere: only the filters tell them apart.
      const options = improving.get(key) ?? gains(evening, unit, site);
      improving.set(key, options);
      const option = options.find(({ target }) => rejects(state, unit, target) === null);
      if (!option || (best !== null && compareGains(option.gain, best.gain) >= 0)) continue;
      const { target, gain } = option;
      best = {
        unit: unit.name,
        from: source.machine,
        to: target.machine,
        why: explain(loads, source, target, gain),
        gain,
      };
    }
    if (best === null) continue;
    const { gain: _, ...move } = best;
    return move;
  }
  return null;
}

/**
 * Whether instances of the unit's template that have a machine are spread otherwise than it, as half-way through a change:
 * by different measures they would chase each other.
 */
function mixedTemplates(state: ClusterState): (unit: UnitRecord) => boolean {
  const known = new Map<string, boolean>();
  const isMixed = (template: string) => {
    const placed = [...state.instances.get(template)].flatMap((name) => state.units.get(name) ?? []);
    const measures = placed
      .filter(({ machines }) => Object.keys(machines).length > 0)
      .map(({ placement: { global, preferences } }) => `${global} ${preferences?.spread?.join(' ')}`);
    return new Set(measures).size > 1;
  };
  return ({ name }) => {
    const template = templateOfName(name);
    if (template === null) return false;
    const mixed = known.get(template) ?? isMixed(template);
    known.set(template, mixed);
    return mixed;
  };
}

/** What goes by itself, and runs, and is well where it is. What has done its work would run again elsewhere. */
function mayMove(state: ClusterState, unit: UnitRecord, { machine }: MachineRecord): boolean {
  const { global, machineOf, replaces } = unit.placement;
  if (global || machineOf !== undefined || replaces !== undefined || unit.desired !== 'launched') return false;
  const isBound = followedBy(state, unit.name).size > 0 || followersOf(state, unit.name).length > 0;
  if (isBound || state.followers.get(unit.name).size > 0) return false;
  const report = state.reports.get(machine)?.get(unit.name);
  return isWell(unit, report) && !hasDoneItsWork(unit, report);
}

/** Of shares: less is not worth a restart. 2 × 5 % × 1 %: a unit of 5 % that leaves the fuller one 1 % ahead. */
const leastLoadGain = 1_000;

/** The machines to which the unit's move is an improvement, the best first. */
function gains(
  { state, loads, targets }: Evening,
  unit: UnitRecord,
  source: Site,
): { target: MachineRecord; gain: Gain }[] {
  const loss = fullness(loads, source.machine, unit, -1) ** 2 - source.fullness ** 2;
  const scores = hasPreferences(unit) ? scoresFor(state, unit) : new Map<string, Score>();
  const here = scores.get(source.machine.machine);
  const options: { target: MachineRecord; gain: Gain }[] = [];
  for (const site of targets) {
    const target = site.machine;
    const there = scores.get(target.machine);
    const spread = compareSpread(there?.spread, here?.spread);
    const affinity = (here?.affinity ?? 0) - (there?.affinity ?? 0);
    const load = loss + fullness(loads, target, unit) ** 2 - site.fullness ** 2;
    const units = 2 * (site.units + 1 - source.units);
    if (site === source || !isWorthIt(spread, affinity, load, units)) continue;
    options.push({ target, gain: { spread, affinity, load, units } });
  }
  return options.sort((a, b) => compareGains(a.gain, b.gain) || (a.target.machine < b.target.machine ? -1 : 1));
}

function scoresFor(state: ClusterState, unit: UnitRecord): Map<string, Score> {
  return new Map(rankFor(state, unit).map(({ machine, score }) => [machine.machine, score]));
}

function unitsOn(loads: Loads, { machine }: MachineRecord): number {
  return loads.get(machine)?.units ?? 0;
}

function isWorthIt(spread: number, affinity: number, load: number, units: number): boolean {
  if (spread !== 0) return spread < 0;
  if (affinity !== 0) return affinity < 0;
  if (load !== 0) return load <= -leastLoadGain;
  return units < 0;
}

function compareGains(a: Gain, b: Gain): number {
  return a.spread - b.spread || a.affinity - b.affinity || a.load - b.load || a.units - b.units;
}

function explain(loads: Loads, source: MachineRecord, target: MachineRecord, gain: Gain): string {
  const names = {
    from: `${source.hostname} (${source.machine.slice(0, 8)})`,
    to: `${target.hostname} (${target.machine.slice(0, 8)})`,
  };
  if (gain.spread < 0) return `fewer instances of its template are where ${names.to} is than where ${names.from} is`;
  if (gain.affinity < 0) return `its affinities prefer ${names.to} to ${names.from} by ${-gain.affinity}`;
  const percent = (machine: MachineRecord) => `${Math.round(fullness(loads, machine) / 10)}%`;
  if (gain.load < 0) return `${names.from} is reserved to ${percent(source)}, ${names.to} to ${percent(target)}`;
  return `${names.from} has ${unitsOn(loads, source)} units, ${names.to} ${unitsOn(loads, target)}`;
}
