/** The move by which a rebalance makes the cluster more even. */
import type { ClusterState, MachineRecord, UnitRecord } from '../../../shared/domain/clusterState.ts';
import { followedBy, followersOf } from '../../../shared/domain/following.ts';
import { hasDoneItsWork, isWell } from '../../../shared/domain/unit.ts';
import { templateOfName } from '../../../shared/domain/unitName.ts';
import type { PlannedMove } from '../../../shared/protocol/queries.ts';
import { evenable, fullness, type Loads, loadOn, loadsOf, type MachineLoad } from './balance.ts';
import { rejects } from './filters.ts';
import { compareSpread, hasPreferences, type Preferred, preferenceScores } from './ranking.ts';
import { Siblings } from './siblings.ts';

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

/**
 * The move that evens out most of those from the fullest machine that has one. Each makes the cluster strictly more even
 * by the same measure, of whole numbers: so moves come to an end, and none is ever taken back. A search may be run in
 * parts; how full the machines are it looks at once, and what it finds later it weighs again before it tells.
 */
export class MoveSearch {
  #state: ClusterState;
  readonly #steps: Generator<number, PlannedMove | null, undefined>;
  readonly #mixed = new MixedTemplates();
  #parts = 0;

  constructor(state: ClusterState) {
    this.#state = state;
    this.#steps = this.#look();
  }

  /**
   * Goes on, on the state as it is by now. 'unfinished': it has made so many comparisons; 'stale': what it found is no such
   * move any more, and it is to begin anew.
   */
  run(state: ClusterState, comparisons: number): PlannedMove | null | 'unfinished' | 'stale' {
    this.#state = state;
    this.#parts += 1;
    for (let made = 0; made < comparisons; ) {
      const { done, value } = this.#steps.next();
      if (!done) made += value;
      else if (value === null || this.#parts === 1) return value;
      else return weighAgain(state, value) ?? 'stale';
    }
    return 'unfinished';
  }

  *#look(): Generator<number, PlannedMove | null, undefined> {
    const field = yield* this.#survey();
    for (const withPreferences of [true, false]) {
      for (const source of field.sources) {
        const best = yield* this.#bestFrom(field, source, withPreferences);
        if (best !== null) return best;
      }
    }
    return null;
  }

  *#survey(): Generator<number, Field, undefined> {
    const state = this.#state;
    const machines = evenable(state);
    const loads = new Map<string, MachineLoad>();
    for (const { machine } of machines) {
      loads.set(machine, loadOn(state, machine));
      yield perUnit * state.assigned.get(machine).size;
    }
    return fieldOf(this.#state, machines, loads);
  }

  *#bestFrom(field: Field, source: Site, withPreferences: boolean): Generator<number, PlannedMove | null, undefined> {
    const improving = new Map<string, Option[]>();
    let best: { move: PlannedMove; gain: Gain } | null = null;
    for (const name of [...this.#state.assigned.get(source.machine.machine)].sort()) {
      const unit = this.#state.units.get(name);
      yield perUnit;
      if (!unit || hasPreferences(unit) !== withPreferences || !mayMove(this.#state, unit, source.machine)) continue;
      yield perUnit * this.#mixed.toLookAt(this.#state, unit);
      if (this.#mixed.has(this.#state, unit)) continue;
      const key = worthOf(unit);
      // Units that reserve the same are worth the same elsewhere: only the filters tell them apart.
      if (!improving.has(key)) {
        const { options, comparisons } = gains(field, unit, source);
        improving.set(key, options);
        yield comparisons;
      }
      const options = improving.get(key) ?? [];
      const index = options.findIndex(({ target }) => rejects(this.#state, unit, target) === null);
      const option = options[index];
      if (option && (best === null || compareGains(option.gain, best.gain) < 0)) {
        best = { move: moveTo(field.loads, unit, source, option), gain: option.gain };
      }
      yield perRejection * (option ? index + 1 : options.length);
    }
    return best?.move ?? null;
  }
}

/** What else costs as much as so many comparisons of how full machines are. */
const perUnit = 10;
const perRejection = 2;
const perPreference = 4;

/** A machine to which a move is an improvement. */
interface Option {
  target: MachineRecord;
  gain: Gain;
}

/** The machines of a search as they were when it began. */
interface Field {
  loads: Loads;
  /** From the fullest, and from the emptiest. */
  sources: Site[];
  targets: Site[];
  siblings: Siblings;
  fewestUnits: number;
  /** The least that a unit adds anywhere, by what it reserves. */
  leastAdded: Map<string, number>;
}

function fieldOf(state: ClusterState, machines: readonly MachineRecord[], loads: Loads): Field {
  const sources = machines
    .map((machine) => ({ machine, fullness: fullness(loads, machine), units: unitsOn(loads, machine) }))
    .sort((a, b) => b.fullness - a.fullness || b.units - a.units || (a.machine.machine < b.machine.machine ? -1 : 1));
  const targets = [...sources].reverse();
  const fewestUnits = Math.min(...sources.map(({ units }) => units));
  return { loads, sources, targets, siblings: new Siblings(state), fewestUnits, leastAdded: new Map() };
}

/** The same move, if it is still one; null: it is not. */
function weighAgain(state: ClusterState, { unit: name, from, to }: PlannedMove): PlannedMove | null {
  const machines = evenable(state).filter(({ machine }) => machine === from || machine === to);
  const field = fieldOf(state, machines, loadsOf(state, machines));
  const unit = state.units.get(name);
  const source = field.sources.find(({ machine }) => machine.machine === from);
  if (!unit || !source || !Object.hasOwn(unit.machines, from) || !mayMove(state, unit, source.machine)) return null;
  const [option] = gains(field, unit, source).options;
  return option && rejects(state, unit, option.target) === null ? moveTo(field.loads, unit, source, option) : null;
}

function moveTo(loads: Loads, unit: UnitRecord, { machine: source }: Site, { target, gain }: Option): PlannedMove {
  const why = explain(loads, source, target, gain);
  return { unit: unit.name, from: source.machine, to: target.machine, why };
}

/**
 * Whether instances of a unit's template that have a machine are spread otherwise than it, as half-way through a change:
 * by different measures they would chase each other.
 */
class MixedTemplates {
  readonly #known = new Map<string, boolean>();

  /** How many units have to be looked at before {@link has} can tell. */
  toLookAt(state: ClusterState, { name }: UnitRecord): number {
    const template = templateOfName(name);
    return template === null || this.#known.has(template) ? 0 : state.instances.get(template).size;
  }

  has(state: ClusterState, { name }: UnitRecord): boolean {
    const template = templateOfName(name);
    if (template === null) return false;
    const isMixed = this.#known.get(template) ?? measuresOf(state, template).size > 1;
    this.#known.set(template, isMixed);
    return isMixed;
  }
}

function measuresOf(state: ClusterState, template: string): Set<string> {
  const measures = new Set<string>();
  for (const name of state.instances.get(template)) {
    const { machines = {}, placement } = state.units.get(name) ?? {};
    if (Object.keys(machines).length > 0)
      measures.add(`${placement?.global} ${placement?.preferences?.spread?.join(' ')}`);
  }
  return measures;
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

/** The machines to which the unit's move is an improvement, the best first; and in how many comparisons they were found. */
function gains(field: Field, unit: UnitRecord, source: Site): { options: Option[]; comparisons: number } {
  const { loads, targets, siblings } = field;
  const loss = fullness(loads, source.machine, unit, -1) ** 2 - source.fullness ** 2;
  const preferred = hasPreferences(unit) ? preferenceScores(unit, siblings) : () => noPreferences;
  const bound = hasPreferences(unit) ? { mayGain: true, comparisons: 0 } : boundOf(field, unit, source, loss);
  if (!bound.mayGain) return { options: [], comparisons: bound.comparisons };
  const here = preferred(source.machine);
  const options: Option[] = [];
  for (const site of targets) {
    const target = site.machine;
    const there = preferred(target);
    const spread = compareSpread(there.spread, here.spread);
    const affinity = (here.affinity ?? 0) - (there.affinity ?? 0);
    const load = loss + added(loads, unit, site);
    const units = 2 * (site.units + 1 - source.units);
    if (site === source || !isWorthIt(spread, affinity, load, units)) continue;
    options.push({ target, gain: { spread, affinity, load, units } });
  }
  options.sort((a, b) => compareGains(a.gain, b.gain) || (a.target.machine < b.target.machine ? -1 : 1));
  return { options, comparisons: bound.comparisons + targets.length * (hasPreferences(unit) ? perPreference : 1) };
}

const noPreferences: Preferred = {};

/** Of most units it can be said at once that they are where they should be: nowhere would they add so little. */
function boundOf(
  field: Field,
  unit: UnitRecord,
  source: Site,
  loss: number,
): { mayGain: boolean; comparisons: number } {
  const { loads, targets, leastAdded, fewestUnits } = field;
  const key = worthOf(unit);
  const known = leastAdded.get(key);
  const least =
    known ?? targets.reduce((best, site) => Math.min(best, added(loads, unit, site)), Number.POSITIVE_INFINITY);
  leastAdded.set(key, least);
  const mayGain = isWorthIt(0, 0, loss + least, 0) || (loss + least <= 0 && fewestUnits + 1 < source.units);
  return { mayGain, comparisons: known === undefined ? targets.length : 1 };
}

/** By how much the unit would make a machine fuller, as that is measured. */
function added(loads: Loads, unit: UnitRecord, site: Site): number {
  return fullness(loads, site.machine, unit) ** 2 - site.fullness ** 2;
}

/** Units of which this is the same gain the same on a way from one machine to another. */
function worthOf(unit: UnitRecord): string {
  const { memoryBytes, memoryFraction, cpus } = unit.resources;
  return hasPreferences(unit) ? unit.name : `${memoryBytes} ${memoryFraction} ${cpus}`;
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
