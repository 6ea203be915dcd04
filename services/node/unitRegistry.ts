import type { Clock } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import { interpretUnit } from '../../shared/domain/interpretUnit.ts';
import type { HostFacts } from '../../shared/domain/specifiers.ts';
import { parseUnitFile } from '../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../shared/domain/unitName.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit, Assignment } from '../../shared/protocol/node.ts';
import type { NodeMemory } from './nodeStore.ts';
import { type KnownUnit, reconcile } from './policy/reconcile.ts';
import type { MainProcess, Runtime } from './runtime/runtime.ts';
import { createUnit, type Unit } from './unitActor.ts';
import type { Runtimes } from './unitCommands.ts';

export interface UnitRegistryOptions {
  runtimes: Runtimes;
  clock: Clock;
  /** For specifiers such as `%H` and `%m`. */
  facts: HostFacts;
  onReport: (report: UnitReport) => void;
  onForget: (unit: string, reason: string) => void;
  /** Called when what {@link UnitRegistry.memory} returns has changed. */
  onChange: () => void;
  onError: (error: unknown) => void;
}

const atRest = new Set(['dead', 'failed', 'exited']);

/** The units of this machine: keeps exactly those that the newest assignment names, each towards its goal. */
export class UnitRegistry {
  readonly #options: UnitRegistryOptions;
  readonly #units = new Map<string, Unit>();
  /** Units whose file this version cannot run: they are reported as errors and have no actor. */
  readonly #unloadable = new Map<string, { assigned: AssignedUnit; report: UnitReport }>();
  #assignment: Assignment | null = null;
  #draining: (() => void) | null = null;

  constructor(options: UnitRegistryOptions) {
    this.#options = options;
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
    const rest = [...this.#units.values()].map((unit) => unit.report()).filter((report) => atRest.has(report.sub));
    return { assignment: this.#assignment, rest };
  }

  /** Takes up what an earlier agent left: its assignment, and the processes that still run, or ended since. */
  async recover({ assignment, rest }: NodeMemory): Promise<void> {
    if (!assignment) return;
    const resting = new Map(rest.map((report) => [report.unit, report]));
    await Promise.all(
      assignment.units.map(async (unit) => {
        const known = resting.get(unit.name);
        const still = known?.hash === unit.hash ? known : null;
        this.#create(unit, still ? null : await this.#adopt(unit), still);
      }),
    );
    this.#assignment = assignment;
  }

  /** Takes up an assignment, unless a newer one was taken up before. */
  apply(assignment: Assignment): void {
    if (this.#draining || assignment.version < this.version) return;
    const first = this.#assignment === null;
    this.#assignment = assignment;
    this.#reconcile();
    if (first) this.#removeStrays();
    this.#options.onChange();
  }

  /** Stops and forgets everything; resolves when nothing is left. */
  drain(reason: string): Promise<void> {
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

  #reconcile(): void {
    const assignment = this.#assignment;
    if (!assignment) return;
    for (const task of reconcile(this.#known(), assignment)) {
      if (task.type === 'create') this.#create(task.unit, null, null);
      else if (task.type === 'setGoal') this.#setGoal(task.unit);
      else this.#retire(task.name, task.reason);
    }
  }

  #known(): Map<string, KnownUnit> {
    const known = new Map<string, KnownUnit>();
    for (const [name, { assigned, retiring }] of this.#units) known.set(name, { ...assigned, retiring });
    for (const [name, { assigned }] of this.#unloadable) known.set(name, { ...assigned, retiring: false });
    return known;
  }

  #create(assigned: AssignedUnit, adopted: MainProcess | null, rest: UnitReport | null): void {
    const { runtimes, clock, onReport, onChange } = this.#options;
    const spec = this.#interpret(assigned);
    if (typeof spec === 'string') return this.#setUnloadable(assigned, spec);
    const handlers = {
      onReport: (report: UnitReport) => {
        onReport(report);
        onChange();
      },
      onGone: () => this.#gone(assigned.name),
    };
    this.#units.set(assigned.name, createUnit({ assigned, spec, runtimes, clock, adopted, rest }, handlers));
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
    if (unit) unit.setGoal(assigned);
    else this.#setUnloadable(assigned, this.#unloadable.get(assigned.name)?.report.reason ?? '');
  }

  #retire(name: string, reason: string): void {
    this.#units.get(name)?.retire(reason);
    if (this.#unloadable.delete(name)) this.#gone(name);
  }

  /** A unit has been stopped for good. It may be assigned anew, then it is made anew. */
  #gone(name: string): void {
    this.#units.delete(name);
    if (!this.#assignment?.units.some((unit) => unit.name === name) || this.#draining) {
      this.#options.onForget(name, 'stopped and removed from this machine');
    }
    this.#options.onChange();
    if (this.#draining) this.#settleDrain();
    else this.#reconcile();
  }

  #settleDrain(): void {
    if (this.#units.size === 0) this.#draining?.();
  }

  async #adopt(unit: AssignedUnit): Promise<MainProcess | null> {
    for (const runtime of this.#runtimes()) {
      const main = await runtime.adopt({ unit: unit.name, hash: unit.hash });
      if (main) return main;
    }
    return null;
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
