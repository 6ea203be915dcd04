import type { Dependencies } from '../../shared/domain/dependencies.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import { closedGate, type Gate, gatesOf, openGate, type Standing } from './policy/ordering.ts';
import { type Relations, relationsOf } from './policy/relations.ts';
import type { DependentUnit } from './unit.ts';

/** What an actor has to offer so that others can depend on it. */
type Neighbour = Pick<DependentUnit, 'standing' | 'setGate' | 'mayBeUpheld' | 'uphold'>;

/**
 * The units of a machine as they depend on each other: when one of them stands otherwise, the others are told what they
 * may do now. Reports of units pass through here.
 */
export class Neighbours {
  readonly #onReport: (report: UnitReport) => void;
  readonly #units = new Map<string, Neighbour>();
  readonly #stated = new Map<string, Dependencies>();
  readonly #gates = new Map<string, Gate>();
  /** Units whose gate has to be looked at although they may have nothing to do with others. */
  readonly #unsure = new Set<string>();
  /** As they were when the unit was last told something, or told something. */
  readonly #standings = new Map<string, Standing>();
  #relations: Relations = relationsOf(this.#stated);
  #isOutdated = false;
  /** Reports while several units are told something that counts at once; null at any other time. */
  #withheld: Map<string, UnitReport> | null = null;
  #isSettling = false;
  #isStale = false;

  constructor(onReport: (report: UnitReport) => void) {
    this.#onReport = onReport;
  }

  /** What a unit may do that is being made. */
  gateFor(name: string): Gate {
    const gate = this.#withheld ? closedGate : openGate;
    this.#gates.set(name, gate);
    this.#unsure.add(name);
    return gate;
  }

  add(name: string, unit: Neighbour, dependencies: Dependencies): void {
    this.#units.set(name, unit);
    this.#stated.set(name, dependencies);
    this.#isOutdated = true;
  }

  remove(name: string): void {
    this.#units.delete(name);
    this.#stated.delete(name);
    this.#gates.delete(name);
    this.#standings.delete(name);
    this.#isOutdated = true;
    this.#settle();
  }

  /** Does what tells units their goals: none starts or stops before all have been told. */
  together(tell: () => void): void {
    if (this.#withheld) return tell();
    const withheld = new Map<string, UnitReport>();
    this.#withheld = withheld;
    for (const name of this.#relations.names) this.hold(name);
    try {
      tell();
    } finally {
      this.#standings.clear();
      this.#settleNow();
      this.#withheld = null;
      for (const report of withheld.values()) this.#onReport(report);
    }
  }

  /** Within {@link together}: whatever the unit is told next waits for the others. */
  hold(name: string): void {
    this.#unsure.add(name);
    this.#setGate(name, closedGate);
  }

  /** What starts with a unit that another unit of the machine starts: what it requires and wants, and why. */
  startedWith(name: string): { unit: string; reason: string }[] {
    if (this.#isOutdated) this.#relate();
    const { requires, bindsTo, wants } = this.#relations;
    const started = new Map<string, string>();
    const open = [name];
    for (let unit = open.shift(); unit !== undefined; unit = open.shift()) {
      const required = new Set([...requires(unit), ...bindsTo(unit)]);
      for (const other of [...required, ...wants(unit)]) {
        if (started.has(other) || other === name) continue;
        started.set(other, `${required.has(other) ? 'required' : 'wanted'} by ${unit}`);
        open.push(other);
      }
    }
    return Array.from(started, ([unit, reason]) => ({ unit, reason }));
  }

  /** A unit has something new to report. */
  told(report: UnitReport): void {
    this.#standings.delete(report.unit);
    if (this.#withheld) this.#withheld.set(report.unit, report);
    else this.#onReport(report);
    this.#settle();
  }

  #settle(): void {
    this.#isStale = true;
    if (!this.#isSettling && !this.#withheld) this.#settleNow();
  }

  /** Tells units what they may do, until that changes nothing any more. */
  #settleNow(): void {
    const isNested = this.#isSettling;
    this.#isSettling = true;
    try {
      do {
        this.#isStale = false;
        this.#tellGates();
      } while (this.#isStale);
    } finally {
      this.#isSettling = isNested;
      // Whoever was at it has to look again.
      this.#isStale = isNested;
    }
  }

  #tellGates(): void {
    if (this.#isOutdated) this.#relate();
    const { names, upholds } = this.#relations;
    const standings = this.#allStandings();
    const gates = gatesOf(this.#relations, standings);
    for (const name of new Set([...names, ...this.#unsure])) {
      this.#unsure.delete(name);
      this.#setGate(name, gates.get(name) ?? openGate);
      // What it did then may be a reason for others to stay where they are.
      if (this.#isStale) return;
    }
    for (const name of names) {
      if (standings.get(name)?.phase === 'up') for (const other of upholds(name)) this.#uphold(other, standings);
    }
  }

  #relate(): void {
    this.#isOutdated = false;
    for (const name of this.#relations.names) this.#unsure.add(name);
    this.#relations = relationsOf(this.#stated);
  }

  /** It is a start like any other: what the unit requires and wants, and has ended, is started again with it. */
  #uphold(name: string, standings: ReadonlyMap<string, Standing>): void {
    const isToRun = (unit: string) => hasEnded(standings.get(unit)) && this.#units.get(unit)?.mayBeUpheld === true;
    const start = (unit: string) => {
      this.#standings.delete(unit);
      this.#units.get(unit)?.uphold();
    };
    if (!isToRun(name)) return;
    for (const { unit } of this.startedWith(name)) if (isToRun(unit)) start(unit);
    // It may have to wait for them.
    this.#setGate(name, gatesOf(this.#relations, this.#allStandings()).get(name) ?? openGate);
    start(name);
  }

  #allStandings(): Map<string, Standing> {
    return new Map(this.#relations.names.flatMap((name) => this.#standingOf(name)));
  }

  #standingOf(name: string): [string, Standing][] {
    const standing = this.#standings.get(name) ?? this.#units.get(name)?.standing();
    if (standing === undefined) return [];
    this.#standings.set(name, standing);
    return [[name, standing]];
  }

  #setGate(name: string, gate: Gate): void {
    if (isSame(this.#gates.get(name), gate)) return;
    this.#gates.set(name, gate);
    this.#standings.delete(name);
    this.#units.get(name)?.setGate(gate);
  }
}

/** By itself: nobody wishes that it does not run. */
function hasEnded({ phase, wish, outcome }: Partial<Standing> = {}): boolean {
  return phase === 'down' && wish === null && outcome !== 'none';
}

function isSame(a: Gate | undefined, b: Gate): boolean {
  return (
    a?.stop === b.stop &&
    a.down === b.down &&
    a.needed === b.needed &&
    a.start?.kind === b.start?.kind &&
    a.start?.reason === b.start?.reason
  );
}
