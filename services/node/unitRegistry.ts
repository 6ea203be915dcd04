import type { Clock } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import { interpretUnit } from '../../shared/domain/interpretUnit.ts';
import type { HostFacts } from '../../shared/domain/specifiers.ts';
import { parseUnitFile } from '../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../shared/domain/unitName.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit, Assignment } from '../../shared/protocol/node.ts';
import type { ActiveUnit } from './announcer.ts';
import type { NodeMemory } from './nodeStore.ts';
import { type KnownUnit, reconcile } from './policy/reconcile.ts';
import type { Runtime } from './runtime/runtime.ts';
import { createUnit, type Unit } from './unitActor.ts';
import type { Runtimes } from './unitCommands.ts';
import { isAtRest } from './unitReport.ts';

export interface UnitRegistryOptions {
  runtimes: Runtimes;
  clock: Clock;
  /** For specifiers such as `%H` and `%m`. */
  facts: HostFacts;
  /** Variables that every unit finds in its environment. */
  given: () => Readonly<Record<string, string>>;
  onReport: (report: UnitReport) => void;
  onForget: (unit: string, reason: string) => void;
  /** A unit is active, or (null) is not. */
  onActive: (unit: string, active: ActiveUnit | null) => void;
  /** Called when what {@link UnitRegistry.memory} returns has changed. */
  onChange: () => void;
  onError: (error: unknown) => void;
}

/** The units of this machine: keeps exactly those that the newest assignment names, each towards its goal. */
export class UnitRegistry {
  readonly #options: UnitRegistryOptions;
  readonly #units = new Map<string, Unit>();
  /** Units whose file this version cannot run: they are reported as errors and have no actor. */
  readonly #unloadable = new Map<string, { assigned: AssignedUnit; report: UnitReport }>();
  #assignment: Assignment | null = null;
  /** The cluster has told an assignment since this agent started. */
  #isHeard = false;
  #draining: (() => void) | null = null;

  constructor(options: UnitRegistryOptions) {
    this.#options = options;
  }

  /** The cluster whose assignment was taken up last. */
  get cluster(): string | undefined {
    return this.#assignment?.cluster;
  }

  /** Version of the assignment that was taken up last; 0 for none. */
  get version(): number {
    return this.#assignment?.version ?? 0;
  }

  get size(): number {
    return this.#units.size;
  }

  has(unit: string): boolean {
    return this.#units.has(unit) || this.#unloadable.has(unit);
  }

  /** What is to be remembered for the next start. */
  memory(): NodeMemory {
    const rest = [...this.#units.values()].map((unit) => unit.report()).filter(isAtRest);
    return { bootId: this.#options.facts.bootId, assignment: this.#assignment, rest };
  }

  /**
   * Takes up what an earlier agent left: its assignment, and the processes that still run, or ended since. What was
   * before the machine was restarted is left to the cluster, which may have moved it: {@link apply}.
   */
  recover({ bootId, assignment, rest }: NodeMemory): void {
    if (!assignment || bootId !== this.#options.facts.bootId) return;
    this.#assignment = assignment;
    const resting = new Map(rest.map((report) => [report.unit, report]));
    for (const unit of assignment.units) {
      const known = resting.get(unit.name);
      this.#create(unit, known?.hash === unit.hash ? known : null, true);
    }
  }

  /** Takes up an assignment, unless a newer one was taken up before. */
  apply(assignment: Assignment): void {
    if (this.#draining || assignment.version < this.version || this.#isForeign(assignment)) return;
    // What an earlier agent wrote down may be older than what it had started when it was killed.
    this.#assignment = assignment;
    this.#reconcile(!this.#isHeard);
    this.confirm();
    this.#options.onChange();
  }

  /** Of another cluster, whose versions mean nothing here: who belongs to one does not take orders from another. */
  #isForeign({ cluster }: Assignment): boolean {
    return this.#assignment !== null && this.#assignment.cluster !== cluster;
  }

  /** The cluster has no newer assignment than this one: what it does not name does not belong here. */
  confirm(): void {
    if (this.#isHeard || this.#draining) return;
    this.#isHeard = true;
    this.#removeStrays();
  }

  /** Stops and forgets everything; resolves when nothing is left. The next start waits for what the cluster says. */
  drain(reason: string): Promise<void> {
    this.#assignment = null;
    return new Promise((resolve) => {
      this.#draining = resolve;
      for (const unit of this.#units.values()) unit.retire(reason);
      this.#settleDrain();
    });
  }

  /** Lets go of all units without touching them. */
  abandon(): void {
    for (const unit of this.#units.values()) unit.abandon();
  }

  /** `mayRun`: an earlier agent may have started what is to be created. */
  #reconcile(mayRun: boolean): void {
    const assignment = this.#assignment;
    if (!assignment) return;
    // What could not be loaded is gone at once, and its successor is the next round's.
    for (let tasks = reconcile(this.#known(), assignment); tasks.length > 0; ) {
      for (const task of tasks) {
        if (task.type === 'create') this.#create(task.unit, null, mayRun);
        else if (task.type === 'setGoal') this.#setGoal(task.unit);
        else this.#retire(task.name, task.reason);
      }
      tasks = reconcile(this.#known(), assignment);
    }
  }

  #known(): Map<string, KnownUnit> {
    const known = new Map<string, KnownUnit>();
    for (const [name, { assigned, retiring }] of this.#units) known.set(name, { ...assigned, retiring });
    for (const [name, { assigned }] of this.#unloadable) known.set(name, { ...assigned, retiring: false });
    return known;
  }

  #create(assigned: AssignedUnit, rest: UnitReport | null, mayRun: boolean): void {
    const { runtimes, clock, given, onReport, onChange } = this.#options;
    const spec = this.#interpret(assigned);
    if (typeof spec === 'string') return this.#setUnloadable(assigned, spec);
    const handlers = {
      onReport: (report: UnitReport) => {
        onReport(report);
        this.#tellActive(report.unit);
        onChange();
      },
      onGone: () => this.#gone(assigned.name),
    };
    this.#units.set(assigned.name, createUnit({ assigned, spec, runtimes, clock, given, rest, mayRun }, handlers));
    this.#tellActive(assigned.name);
  }

  #tellActive(name: string): void {
    const unit = this.#units.get(name);
    const { active = 'inactive', container } = unit?.report() ?? {};
    if (!unit || active !== 'active') return this.#options.onActive(name, null);
    const { announcements, assigned } = unit;
    const { token } = assigned;
    this.#options.onActive(name, { announcements, token, ...(container === undefined ? {} : { container }) });
  }

  /** The unit's meaning on this machine, or why it has none. */
  #interpret({ name, text }: AssignedUnit): (UnitSpec & { service: ServiceSpec }) | string {
    const { value, problems } = parseUnitName(name);
    if (!value) return problems.map(({ message }) => message).join('; ');
    const { spec, problems: found } = interpretUnit(value, parseUnitFile(text).file, this.#options.facts);
    const errors = found.filter(({ severity }) => severity === 'error').map(({ message }) => message);
    if (!spec?.service || errors.length > 0) return errors.join('; ') || `${name} is no service`;
    return { ...spec, service: spec.service };
  }

  #setUnloadable(assigned: AssignedUnit, reason: string): void {
    const { name: unit, hash, goal } = assigned;
    const report: UnitReport = {
      unit,
      hash,
      goal,
      load: 'error',
      active: 'failed',
      sub: 'failed',
      result: 'resources',
      reason,
    };
    this.#unloadable.set(unit, { assigned, report });
    this.#options.onReport(report);
  }

  #setGoal(assigned: AssignedUnit): void {
    const unit = this.#units.get(assigned.name);
    if (unit) {
      unit.setGoal(assigned);
      // It may have nothing to report, and yet a newer placement.
      this.#tellActive(assigned.name);
    } else this.#setUnloadable(assigned, this.#unloadable.get(assigned.name)?.report.reason ?? '');
  }

  #retire(name: string, reason: string): void {
    this.#units.get(name)?.retire(reason);
    if (this.#unloadable.delete(name)) this.#forget(name);
  }

  /** A unit has been stopped for good. It may be assigned anew, then it is made anew. */
  #gone(name: string): void {
    this.#units.delete(name);
    this.#tellActive(name);
    this.#forget(name);
    this.#reconcile(false);
    this.#options.onChange();
    this.#settleDrain();
  }

  /** A successor of the same name will report itself. */
  #forget(name: string): void {
    if (this.#assignment?.units.some((unit) => unit.name === name)) return;
    this.#options.onForget(name, 'stopped and removed from this machine');
  }

  #settleDrain(): void {
    if (this.#units.size === 0) this.#draining?.();
  }

  /** What earlier agents left of units that this machine no longer has. */
  #removeStrays(): void {
    for (const runtime of this.#runtimes()) {
      runtime
        .list()
        .then((names) => Promise.all(names.filter((name) => !this.has(name)).map((name) => runtime.remove(name))))
        .catch(this.#options.onError);
    }
  }

  #runtimes(): Runtime[] {
    const { process, docker } = this.#options.runtimes;
    return docker ? [process, docker] : [process];
  }
}
