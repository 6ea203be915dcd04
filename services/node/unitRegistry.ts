import { atMost, type Clock } from '../../shared/clock/clock.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import { isFit } from '../../shared/domain/health.ts';
import type { LeaseTerms } from '../../shared/domain/lease.ts';
import type { HostFacts } from '../../shared/domain/specifiers.ts';
import type { ConditionFacts } from '../../shared/domain/testConditions.ts';
import { meaningOf } from '../../shared/domain/unitMeaning.ts';
import { parseUnitName } from '../../shared/domain/unitName.ts';
import type { ServiceSpec, UnitSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit, Assignment, EndedCommand } from '../../shared/protocol/node.ts';
import type { ActiveUnit } from './announcer.ts';
import type { LeaseHolder, LeaseKeeper } from './leaseKeeper.ts';
import { Neighbours } from './neighbours.ts';
import type { NodeMemory } from './nodeStore.ts';
import { createPath } from './pathActor.ts';
import { type KnownUnit, type NodeTask, reconcile } from './policy/reconcile.ts';
import { type PassedSockets, type Runtime, type Session, type SessionRequest, StartError } from './runtime/runtime.ts';
import { createSocket, type SocketUnit } from './socketActor.ts';
import type { SocketSite } from './sockets/socketHolder.ts';
import { Targets } from './targets.ts';
import { createTimer } from './timerActor.ts';
import type { TriggeringUnit, Unit, UnitHandlers, Variables } from './unit.ts';
import { createUnit } from './unitActor.ts';
import type { Runtimes } from './unitCommands.ts';
import { unitEnvironment } from './unitEnvironment.ts';
import { isAtRest } from './unitReport.ts';
import { testConditions } from './unitWork.ts';

export interface UnitRegistryOptions {
  runtimes: Runtimes;
  clock: Clock;
  leases: LeaseKeeper;
  /** For specifiers such as `%H` and `%m`. */
  facts: HostFacts;
  /** For conditions; absent: every condition is met. */
  machine?: ConditionFacts;
  /** When the machine was booted, on the monotonic clock, ms; default: now. */
  bootedAt?: number;
  /** Of calendar events that name no time zone; default: UTC. */
  localZone?: () => string;
  /** Opens the sockets of socket units; absent: there can be none. */
  sockets?: SocketSite;
  /** For delays by chance; default: none. */
  random?: () => number;
  /** Variables that every unit finds in its environment. */
  given: () => Readonly<Record<string, string>>;
  /** Makes the ids of activations; absent: they have none. */
  newInvocation?: () => string;
  onReport: (report: UnitReport) => void;
  onForget: (unit: string, reason: string) => void;
  /** A unit is active, and healthy where that is checked, or (null) is not. */
  onActive: (unit: string, active: ActiveUnit | null) => void;
  /** Called when what {@link UnitRegistry.memory} returns has changed. */
  onChange: () => void;
  /** Resolves when what {@link UnitRegistry.memory} returns is written down. Default: at once. */
  remembered?: () => Promise<void>;
  onError: (error: unknown) => void;
}

/** What does not wait for a full disk for ever waits so long for it, ms. */
const writeTimeoutMs = 2_000;
/** How long it is waited before a runtime that could not be swept is swept again, ms. */
const sweepRetryMs = 2_000;

/** The units of this machine: keeps exactly those that the newest assignment names, each towards its goal. */
export class UnitRegistry {
  readonly #options: UnitRegistryOptions;
  readonly #units = new Map<string, Unit>();
  /** They are gone, which is being written down before it is told, and before a successor of the same name is created. */
  readonly #unwritten = new Set<string>();
  /** They wait for each other, and stop each other. */
  readonly #neighbours: Neighbours;
  /** Those that start others, by their names. */
  readonly #triggers = new Map<string, { unit: TriggeringUnit; target: string }>();
  readonly #sockets = new Map<string, { unit: SocketUnit; target: string }>();
  readonly #targets: Targets;
  readonly #bootedAt: number;
  /** Units whose file this version cannot run: they are reported as errors and have no actor. */
  readonly #unloadable = new Map<string, { assigned: AssignedUnit; report: UnitReport }>();
  #assignment: Assignment | null = null;
  /** The cluster has told an assignment since this agent started. */
  #isHeard = false;
  #draining: (() => void) | null = null;
  #drainTimer: unknown;
  #isAbandoned = false;
  readonly #goneListeners = new Set<() => void>();
  /** What earlier agents left of other units is gone. */
  #isSwept = false;

  constructor(options: UnitRegistryOptions) {
    this.#options = options;
    this.#neighbours = new Neighbours((report) => this.#report(report));
    this.#targets = new Targets(options.clock);
    this.#bootedAt = options.bootedAt ?? options.clock.monotonicNow();
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

  /** The commands of a unit that have ended since it was last started. */
  ended(unit: string): EndedCommand[] {
    return this.#units.get(unit)?.ended() ?? [];
  }

  /**
   * Opens a session beside the main process of a unit.
   * @throws {StartError} it does not run here, or the command cannot be started.
   */
  async exec({ unit, argv, tty, interactive }: Omit<SessionRequest, 'service' | 'environment'>): Promise<Session> {
    const { runtimes, given } = this.#options;
    const known = this.#units.get(unit);
    const { active, sub, container, pid } = known?.report() ?? {};
    if (!known) throw new StartError(`unit ${unit} is not on this machine`);
    const runtime = container === undefined ? runtimes.process : runtimes.docker;
    const { service } = known;
    if ((container === undefined && pid === undefined) || !runtime?.exec || service === null) {
      throw new StartError(`unit ${unit} does not run: it is ${active} (${sub}); start it first`);
    }
    const environment = await unitEnvironment(service, given());
    return runtime.exec({
      unit,
      argv,
      tty,
      interactive,
      service,
      environment,
      ...(container === undefined ? {} : { container }),
    });
  }

  /** Units with leases that are here in whatever state; undefined: an earlier agent may have left others. */
  held(): string[] | undefined {
    return this.#isSwept ? [...this.#options.leases.holders.keys()] : undefined;
  }

  /** Units that are here though the assignment does not name them; null: an earlier agent may have left others. */
  leaving(): string[] | null {
    if (!this.#isSwept) return null;
    const retiring = [...this.#units].flatMap(([name, unit]) => (unit.retiring ? [name] : []));
    return [...retiring, ...this.#unwritten].filter((name) => !this.#isAssigned(name));
  }

  /** Tells whenever a unit has been stopped for good. Returns what ends that. */
  onGone(listener: () => void): () => void {
    this.#goneListeners.add(listener);
    return () => void this.#goneListeners.delete(listener);
  }

  /** What is to be remembered for the next start. */
  memory(): NodeMemory {
    // What was stopped for want of a lease is not at rest: it is to run again, under the next agent too.
    const rest = [...this.#units.values()]
      .map((unit) => unit.report())
      .filter((report) => isAtRest(report) || this.#triggers.has(report.unit));
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
    this.#neighbours.together(() => {
      for (const unit of assignment.units) {
        const known = resting.get(unit.name);
        this.#create(unit, known?.hash === unit.hash ? known : null, true);
      }
    });
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

  /** The cluster has been heard to have no newer assignment than one that was taken up. */
  get isConfirmed(): boolean {
    return this.#isHeard;
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
      this.#neighbours.together(() => {
        for (const name of this.#units.keys()) this.#neighbours.hold(name);
        for (const unit of this.#units.values()) unit.retire(reason);
      });
      this.#settleDrain();
    });
  }

  /** Lets go of all units without touching them. */
  abandon(): void {
    this.#isAbandoned = true;
    for (const unit of this.#units.values()) unit.abandon();
  }

  /** `mayRun`: an earlier agent may have started what is to be created. */
  #reconcile(mayRun: boolean): void {
    const assignment = this.#assignment;
    if (!assignment) return;
    const tasks = reconcile(this.#known(), assignment);
    if (tasks.length === 0) return;
    this.#neighbours.together(() => this.#takeUp(assignment, tasks, mayRun));
  }

  #takeUp(assignment: Assignment, tasks: readonly NodeTask[], mayRun: boolean): void {
    // What could not be loaded is gone at once, and its successor is the next round's.
    for (let left = tasks; left.length > 0; left = reconcile(this.#known(), assignment)) {
      for (const task of left) {
        if (task.type === 'create') this.#create(task.unit, null, mayRun);
        else if (task.type === 'setGoal') this.#setGoal(task.unit);
        else this.#retire(task.name, task.reason);
      }
    }
  }

  #known(): Map<string, KnownUnit> {
    const known = new Map<string, KnownUnit>();
    for (const [name, { assigned, retiring }] of this.#units) known.set(name, knownAs(assigned, retiring));
    for (const [name, { assigned }] of this.#unloadable) known.set(name, knownAs(assigned, false));
    for (const name of this.#unwritten) known.set(name, { hash: '', goal: 0, token: 0, retiring: true });
    return known;
  }

  #create(assigned: AssignedUnit, rest: UnitReport | null, mayRun: boolean): void {
    const { name } = assigned;
    const spec = this.#interpret(assigned);
    if (typeof spec === 'string') return this.#setUnloadable(assigned, spec);
    const handlers = {
      onReport: (report: UnitReport) => this.#neighbours.told(report),
      onGone: () => this.#gone(name),
    };
    const { service } = spec;
    if (spec.placement.activates !== undefined) this.#createTrigger(assigned, spec, rest, handlers);
    else if (service !== undefined) this.#createService(assigned, { ...spec, service }, { rest, mayRun }, handlers);
    this.#tellActive(name);
  }

  #createService(
    assigned: AssignedUnit,
    spec: UnitSpec & { service: ServiceSpec },
    { rest, mayRun }: { rest: UnitReport | null; mayRun: boolean },
    handlers: UnitHandlers,
  ): void {
    const { runtimes, clock, leases, given, newInvocation, machine } = this.#options;
    const { name } = assigned;
    const terms = spec.placement.lease;
    const mayStart = () => terms === undefined || leases.mayRun(terms);
    const leased = terms ? { mayStart, suspended: !mayStart() } : {};
    const host = {
      ...(machine === undefined ? {} : { machine }),
      ...(newInvocation === undefined ? {} : { newInvocation }),
    };
    const gate = this.#neighbours.gateFor(name);
    const sockets = () => this.#socketsFor(name, spec.service.sockets);
    const input = { assigned, spec, sockets, runtimes, clock, given, rest, mayRun, gate, ...host, ...leased };
    const unit = createUnit(input, handlers);
    this.#units.set(name, unit);
    this.#neighbours.add(name, unit, spec.dependencies);
    if (terms) leases.add(name, holderOf(unit, terms));
  }

  #createTrigger(assigned: AssignedUnit, spec: UnitSpec, rest: UnitReport | null, handlers: UnitHandlers) {
    const { clock, localZone = () => 'UTC', random = () => 0, sockets, machine } = this.#options;
    const isTested = machine !== undefined && spec.conditions.length + spec.asserts.length > 0;
    const { timer, path, socket } = spec;
    const target = (timer ?? path ?? socket)?.unit ?? '';
    const common = {
      assigned,
      clock,
      rest,
      conditions: isTested ? () => testConditions({ spec, machine }) : null,
      target: () => this.#targets.get(target),
      activate: (unit: string, reason: string, told: Variables) => this.#activate(unit, reason, told),
    };
    // A timer elapses also where the disk is full.
    const remembered = async () => atMost(clock, writeTimeoutMs, this.#options.remembered?.() ?? Promise.resolve());
    let unit: TriggeringUnit;
    if (timer) {
      const ofTimer = { timer, bootedAt: this.#bootedAt, localZone: localZone(), random, remembered };
      unit = createTimer({ ...common, ...ofTimer }, handlers);
    } else if (path) unit = createPath({ ...common, path }, handlers);
    else if (socket && sockets) {
      const holder = sockets.holder(assigned.name, socket);
      const opened = createSocket({ ...common, socket, holder }, handlers);
      this.#sockets.set(assigned.name, { unit: opened, target });
      unit = opened;
    } else return this.#setUnloadable(assigned, 'this machine opens no sockets');
    this.#units.set(assigned.name, unit);
    // Started together, it is ready before what it starts runs: systemd.socket(5), "Default Dependencies".
    const { Before = [] } = spec.dependencies;
    this.#neighbours.add(assigned.name, unit, { ...spec.dependencies, Before: [...Before, target] });
    this.#triggers.set(assigned.name, { unit, target });
  }

  /**
   * What socket units have opened for a service: those that name it, and those that it names.
   * @throws {StartError} one that it names is not open here.
   */
  #socketsFor(service: string, named: readonly string[] = []): PassedSockets | null {
    const closed = named.filter((name) => !this.#sockets.get(name)?.unit.held());
    if (closed.length > 0)
      throw new StartError(`${closed.join(' ')}, which Sockets= names, is not open on this machine`);
    const all = [...this.#sockets].filter(([name, { target }]) => target === service || named.includes(name));
    const held = all.map(([, { unit }]) => unit.held()).filter((each) => each !== null);
    return held.length === 0 ? null : (this.#options.sockets?.passed(held) ?? null);
  }

  /** Starts a unit of this machine for another one; says why it cannot, or null. */
  #activate(name: string, reason: string, told: Variables): string | null {
    const unit = this.#units.get(name);
    if (unit === undefined) return this.#unloadable.get(name)?.report.reason ?? `${name} is not on this machine`;
    this.#neighbours.together(() => {
      for (const other of this.#neighbours.startedWith(name)) this.#units.get(other.unit)?.activate(other.reason);
      unit.activate(reason, told);
    });
    return null;
  }

  #report(report: UnitReport): void {
    this.#options.onReport(report);
    this.#targets.note(report);
    this.#tellActive(report.unit);
    for (const { unit, target } of this.#triggers.values()) if (target === report.unit) unit.targetChanged();
    this.#options.onChange();
  }

  #tellActive(name: string): void {
    const unit = this.#units.get(name);
    const { active = 'inactive', container, health } = unit?.report() ?? {};
    if (!unit || active !== 'active' || !isFit({ health })) return this.#options.onActive(name, null);
    const { announcements, assigned } = unit;
    const { token } = assigned;
    this.#options.onActive(name, { announcements, token, ...(container === undefined ? {} : { container }) });
  }

  /** The unit's meaning on this machine, or why it has none. */
  #interpret({ name, text }: AssignedUnit): UnitSpec | string {
    const { value, problems } = parseUnitName(name);
    if (!value) return problems.map(({ message }) => message).join('; ');
    // What is unsafe to ignore was refused, or let pass, when the unit was submitted.
    const options = { allowUnsupported: true };
    const { spec, problems: found } = meaningOf(value, text, this.#options.facts, options);
    const errors = found.filter(({ severity }) => severity === 'error').map(({ message }) => message);
    return spec === null || errors.length > 0 ? errors.join('; ') || `${name} says nothing` : spec;
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
      this.#neighbours.hold(assigned.name);
      unit.setGoal(assigned);
      // It may have nothing to report, and yet a newer placement.
      this.#tellActive(assigned.name);
    } else this.#setUnloadable(assigned, this.#unloadable.get(assigned.name)?.report.reason ?? '');
  }

  #retire(name: string, reason: string): void {
    this.#neighbours.hold(name);
    this.#units.get(name)?.retire(reason);
    if (this.#unloadable.delete(name)) this.#forget(name);
  }

  /** A unit has been stopped for good. It may be assigned anew, then it is made anew. */
  #gone(name: string): void {
    this.#units.delete(name);
    this.#neighbours.remove(name);
    this.#triggers.delete(name);
    this.#sockets.delete(name);
    this.#targets.forget(name);
    this.#tellActive(name);
    void this.#writeDown(name);
    this.#settleDrain();
  }

  /** Until it is written down, the next agent would start what is gone: beside its successor, or its copy elsewhere. */
  async #writeDown(name: string): Promise<void> {
    this.#unwritten.add(name);
    await this.#options.remembered?.();
    this.#unwritten.delete(name);
    if (this.#isAbandoned) return;
    this.#options.leases.remove(name);
    this.#forget(name);
    this.#reconcile(false);
    for (const listener of this.#goneListeners) listener();
    this.#settleDrain();
  }

  /** A successor of the same name will report itself. */
  #forget(name: string): void {
    if (this.#isAssigned(name)) return;
    this.#options.onForget(name, 'stopped and removed from this machine');
  }

  #isAssigned(name: string): boolean {
    return this.#assignment?.units.some((unit) => unit.name === name) === true;
  }

  /** Written down or not, in the end: a disk that is full must not keep a machine from being shut down. */
  #settleDrain(): void {
    const { clock } = this.#options;
    if (!this.#draining || this.#units.size > 0) return;
    if (this.#unwritten.size === 0) {
      clock.clearTimeout(this.#drainTimer);
      this.#draining();
    } else this.#drainTimer ??= clock.setTimeout(this.#draining, writeTimeoutMs);
  }

  /** What earlier agents left of units that this machine no longer has. */
  #removeStrays(): void {
    const { clock, onError, sockets } = this.#options;
    const controls = [...this.#sockets.values()].map(({ unit }) => unit.control);
    const sweeping = sockets?.sweep(controls) ?? Promise.resolve();
    Promise.all([sweeping, ...this.#runtimes().map((runtime) => this.#removeStraysOf(runtime))]).then(
      () => {
        this.#isSwept = true;
      },
      (error) => {
        onError(error);
        clock.setTimeout(() => this.#removeStrays(), sweepRetryMs);
      },
    );
  }

  async #removeStraysOf(runtime: Runtime): Promise<void> {
    const strays = (await runtime.list()).filter((name) => !this.has(name));
    await Promise.all(strays.map((name) => runtime.remove(name)));
  }

  #runtimes(): Runtime[] {
    const { process, docker } = this.#options.runtimes;
    return docker ? [process, docker] : [process];
  }
}

/** Of every unit at every change: no more than what is compared. */
function knownAs({ hash, goal, token, awaits }: AssignedUnit, retiring: boolean): KnownUnit {
  return { hash, goal, token, awaits, retiring };
}

const cutOff = 'nobody answers this machine: its lease has run out';

function holderOf(unit: Unit, terms: LeaseTerms): LeaseHolder {
  return {
    terms,
    hash: unit.assigned.hash,
    suspend: () => unit.suspend(cutOff),
    expel: () => unit.expel(),
    resume: () => unit.resume(),
    isStopped: () => unit.stopped,
  };
}
