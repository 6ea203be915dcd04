/** Units on a fake host, in simulated time. */
import { createSimulatedClock, type SimulatedClock } from '../../../shared/clock/simulatedClock.ts';
import type { UnitReport } from '../../../shared/domain/events.ts';
import { interpretUnit } from '../../../shared/domain/interpretUnit.ts';
import type { HostFacts } from '../../../shared/domain/specifiers.ts';
import { parseUnitFile } from '../../../shared/domain/unitFile.ts';
import { parseUnitName } from '../../../shared/domain/unitName.ts';
import type { ServiceSpec, UnitSpec } from '../../../shared/domain/unitSpec.ts';
import type { AssignedUnit } from '../../../shared/protocol/node.ts';
import { hashUnit } from '../../../shared/protocol/unitHash.ts';
import { createFakeHost, createFakeRuntime, type FakeHost, type FakeScript } from '../runtime/fake.ts';
import type { FakeBehaviour } from '../runtime/fakeProcess.ts';
import type { Exit } from '../runtime/runtime.ts';
import type { Unit } from '../unit.ts';
import { createUnit } from '../unitActor.ts';
import type { UnitInput } from '../unitContext.ts';

export const exited = (code: number): Exit => ({ kind: 'exited', code });
export const killed = (signal: string): Exit => ({ kind: 'killed', signal });

/** A command that has ended by itself as soon as it was started. */
export const ends = (exit: Exit, afterMs = 0): FakeBehaviour => ({ ends: { afterMs, exit } });

export interface SimulationOptions {
  /** What commands do, by their path. Default: `/main` runs until it is stopped, all others succeed at once. */
  commands?: Record<string, FakeBehaviour>;
  /** When it begins, ms since 1970. */
  at?: number;
  /** Instead of a new one: the host that an earlier agent left. */
  earlier?: Simulation;
}

export interface Simulation {
  clock: SimulatedClock;
  host: FakeHost;
  /** Gives the commands another behaviour from their next start on. */
  behave(commands: Record<string, FakeBehaviour>): void;
  /** The command lines that were run, in order. */
  ran: string[];
  /** Their environments. */
  environments: Record<string, string>[];
}

export function simulate({ commands = {}, at = 1_700_000_000_000, earlier }: SimulationOptions = {}): Simulation {
  if (earlier) return earlier;
  const clock = createSimulatedClock(at);
  const ran: string[] = [];
  const environments: Record<string, string>[] = [];
  let behaviours = commands;
  const script: FakeScript = ({ command: { path, argv }, environment }) => {
    ran.push(argv.join(' '));
    environments.push(environment);
    return behaviours[path] ?? (path === '/main' ? {} : ends(exited(0)));
  };
  const behave = (changed: Record<string, FakeBehaviour>) => {
    behaviours = changed;
  };
  return { clock, host: createFakeHost({ clock, script }), behave, ran, environments };
}

export function assigned(text: string, changes: Partial<AssignedUnit> = {}): AssignedUnit {
  const hash = hashUnit(parseUnitFile(text).file);
  return { name: 'a.service', text, hash, desired: 'launched', token: 1, goal: 1, restart: 0, ...changes };
}

/** @throws {Error} the text is no good unit. */
export function specOf({ name, text }: AssignedUnit, host?: HostFacts): UnitSpec & { service: ServiceSpec } {
  const unit = parseUnitName(name).value;
  if (!unit) throw new Error(`${name} is no name`);
  const { spec, problems } = interpretUnit(unit, parseUnitFile(text).file, host);
  if (!spec?.service) throw new Error(problems.map(({ message }) => message).join('; '));
  return { ...spec, service: spec.service };
}

export interface SimulatedUnit extends Simulation {
  unit: Unit;
  reports: UnitReport[];
  last(): UnitReport | undefined;
  /** It was retired, and nothing of it is left. */
  gone(): boolean;
  /** What was reported since the last call: `active sub result goal` each. */
  told(): string[];
  /** Wishes something of the unit, with the next goal. */
  wish(desired: AssignedUnit['desired']): void;
  restart(): void;
}

/** The actor of a unit with that file. */
export function simulateUnit(
  text: string,
  options: SimulationOptions & { assigned?: Partial<AssignedUnit>; input?: Partial<UnitInput> } = {},
): SimulatedUnit {
  const simulation = simulate(options);
  const { clock, host } = simulation;
  const first = assigned(text, options.assigned);
  const runtime = createFakeRuntime(host);
  const runtimes = { process: runtime, docker: runtime };
  const reports: UnitReport[] = [];
  let gone = false;
  let told = 0;
  const input = { assigned: first, spec: specOf(first), runtimes, clock, rest: null, mayRun: false, ...options.input };
  const onGone = () => {
    gone = true;
  };
  const unit = createUnit(input, { onReport: (report) => reports.push(report), onGone });
  const next = (changes: Partial<AssignedUnit>) => {
    const goal = unit.assigned.goal + 1;
    unit.setGoal({ ...unit.assigned, goal, ...changes });
  };
  return {
    ...simulation,
    unit,
    reports,
    last: () => reports.at(-1),
    gone: () => gone,
    told() {
      const fresh = reports.slice(told);
      told = reports.length;
      return fresh.map(({ active, sub, result, goal }) => `${active} ${sub} ${result} ${goal}`);
    },
    wish: (desired: AssignedUnit['desired']) => next({ desired }),
    restart: () => next({ restart: unit.assigned.goal + 1 }),
  };
}
