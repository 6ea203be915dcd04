import { decide } from '../../shared/domain/cluster.ts';
import type { ClusterState, UnitRecord } from '../../shared/domain/clusterState.ts';
import { amongClusterUnits, requiringKinds, wishingKinds } from '../../shared/domain/dependencies.ts';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { formatProblem, type Problem } from '../../shared/domain/problem.ts';
import { isRejection, type Rejection, reject } from '../../shared/domain/rejection.ts';
import { decideRollout } from '../../shared/domain/rollout.ts';
import type { UnitRef, UnitSubmission } from '../../shared/domain/unit.ts';
import { meaningOf } from '../../shared/domain/unitMeaning.ts';
import {
  numberedInstances,
  parseUnitName,
  templateOf,
  templateOfName,
  type UnitName,
} from '../../shared/domain/unitName.ts';
import type { Command, NamedUnit, RawUnitCommand, ScaleUnits } from '../../shared/protocol/commands.ts';
import { hashUnit } from '../../shared/protocol/unitHash.ts';
import { decideMoves } from './policy/moving.ts';
import { findUnknown } from './unknownDependencies.ts';

interface UnitProblem {
  unit: string;
  problem: Problem;
}

/** What a command leads to: events to be committed, and warnings for who asked. */
export interface Decision {
  events: ClusterEvent[];
  warnings: string[];
}

/** Reads the unit files that the command brings and lets the domain, or the policy, decide. Changes nothing. */
export function handleCommand(state: ClusterState, command: Command): Decision | Rejection {
  switch (command.type) {
    case 'JoinMachine':
    case 'LeaveMachine':
    case 'CordonMachines':
    case 'UncordonMachines':
    case 'ChangeMachineMetadata':
    case 'ForgetMachines':
    case 'Rebalance':
    case 'StopRebalance':
    case 'StopRollouts': {
      const { id: _, by: __, ...body } = command;
      return withWarnings(decide(state, body), []);
    }
    case 'ScaleUnits':
      return handleScale(state, command);
    case 'MoveUnits':
      return withWarnings(decideMoves(state, command), []);
    default:
      return handleUnits(state, command);
  }
}

export function handleUnits(state: ClusterState, command: RawUnitCommand & { id?: string }): Decision | Rejection {
  const problems: UnitProblem[] = [];
  const units: UnitRef[] = [];
  for (const named of command.units) {
    const ref = readUnit(state, named, command, problems);
    if (ref) units.push(ref);
  }
  addInstances(state, command, units, problems);
  const report = problems.map(({ unit, problem }) => formatProblem(unit, problem));
  if (problems.some(({ problem }) => problem.severity === 'error')) {
    const names = command.units.length === 1 ? `unit ${command.units[0]?.name}` : 'units';
    return reject('invalid-unit', `${names} refused, nothing was changed`, report);
  }
  const { type } = command;
  if (command.type === 'StartUnits' && command.rolling) {
    return withWarnings(decideRollout(state, command.id ?? '', { units, terms: command.rolling }), report);
  }
  const replace = 'replace' in command ? command.replace : undefined;
  return withWarnings(decide(state, { type, units, replace }), report);
}

/** A start that brings more than so many instances with it is a mistake: templates that ask for ever more of themselves. */
const mostBrought = 1_000;

/** What comes with a start may be an instance that is not known, of a template that is. */
function addInstances(state: ClusterState, command: RawUnitCommand, units: UnitRef[], problems: UnitProblem[]): void {
  if (command.type !== 'StartUnits' && command.type !== 'RestartUnits') return;
  const isKnown = (unit: string) => state.units.has(unit) || units.some(({ name }) => name === unit);
  for (const { name, submission } of units) {
    const dependencies = (submission ?? state.units.get(name))?.dependencies ?? {};
    const pulled = [...requiringKinds, ...wishingKinds].flatMap((kind) => dependencies[kind] ?? []);
    for (const instance of pulled.filter((unit) => !isKnown(unit) && hasTemplate(state, unit))) {
      if (units.length >= command.units.length + mostBrought) {
        const message = `it brings more than ${mostBrought} instances with it, ${instance} among them: its templates ask for ever more`;
        problems.push({ unit: command.units[0]?.name ?? name, problem: { severity: 'error', message } });
        return;
      }
      const ref = readUnit(state, { name: instance }, { ...command, type: 'StartUnits' }, problems);
      // The loop goes on with what was added: an instance may want others.
      if (ref) units.push({ ...ref, because: `wanted by ${name}` });
    }
  }
}

function hasTemplate(state: ClusterState, unit: string): boolean {
  const template = templateOfName(unit);
  return template !== null && state.units.has(template);
}

/** Instances that are missing are started, those that are too many destroyed: in one commit, so that counts never mix. */
function handleScale(state: ClusterState, { template, count }: ScaleUnits): Decision | Rejection {
  const { value: name, problems } = parseUnitName(template);
  if (!name?.isTemplate) {
    const details = problems.map((problem) => formatProblem(template, problem));
    return reject('invalid-unit', `${template} is no template: name one, such as web@.service`, details);
  }
  if (!state.units.has(template)) {
    return reject('unit-not-found', `the template ${template} is not known to the cluster: submit it first`);
  }
  const wanted = numberedInstances(template, count);
  const surplus = [...state.instances.get(template)].filter((unit) => numberOf(unit) > count).sort();
  const started = handleUnits(state, { type: 'StartUnits', units: wanted.map((unit) => ({ name: unit })) });
  if (isRejection(started)) return started;
  const destroyed = decide(state, { type: 'DestroyUnits', units: surplus.map((unit) => ({ name: unit })) });
  return isRejection(destroyed) ? destroyed : { ...started, events: [...started.events, ...destroyed] };
}

/** Of an instance; 0 for one that has a name. */
function numberOf(unit: string): number {
  return Number(/@([1-9]\d*)\.[a-z]+$/.exec(unit)?.[1] ?? 0);
}

function withWarnings(decided: ClusterEvent[] | Rejection, warnings: string[]): Decision | Rejection {
  return isRejection(decided) ? decided : { events: decided, warnings };
}

/** The commands that may make units known which are not. */
const bringing = new Set<RawUnitCommand['type']>(['SubmitUnits', 'LoadUnits', 'StartUnits']);
/** The commands after which a unit has a machine. */
const running = new Set<RawUnitCommand['type']>(['LoadUnits', 'StartUnits', 'RestartUnits']);
const starting = new Set<RawUnitCommand['type']>(['LoadUnits', 'StartUnits']);

/**
 * A unit as the command means it: with the file that it brought, or, where the cluster knows only its template, with
 * that. Problems are added to `problems`; null goes with an error there.
 */
function readUnit(
  state: ClusterState,
  named: NamedUnit,
  { type, units, allowUnsupported = false }: RawUnitCommand,
  problems: UnitProblem[],
): UnitRef | null {
  const { value: name, problems: badName } = parseUnitName(named.name);
  if (!name) {
    problems.push(...badName.map((problem) => ({ unit: named.name, problem })));
    return null;
  }
  if (name.isTemplate && running.has(type)) {
    problems.push({ unit: named.name, problem: templateCannotRun(name) });
    return null;
  }
  const template = named.text === undefined ? templateRecord(state, name) : undefined;
  const text = bringing.has(type) ? (named.text ?? template?.text) : undefined;
  const isKnown = (other: string) =>
    state.units.has(other) || hasTemplate(state, other) || units.some((unit) => unit.name === other);
  if (text === undefined) {
    if (starting.has(type)) problems.push(...unmetSince(state, named.name, isKnown));
    return { name: named.name };
  }
  const allowed = allowUnsupported || template?.unsupported !== undefined;
  const submission = readSubmission(
    { name, text, isKnown, allowUnsupported: allowed, runs: running.has(type) },
    problems,
  );
  return submission ? { name: named.name, submission } : null;
}

function templateCannotRun({ name, prefix, type }: UnitName): Problem {
  const message = `${name} is a template and does not run itself; name an instance, such as ${prefix}@1.${type}`;
  return { severity: 'error', message };
}

function templateRecord(state: ClusterState, name: UnitName): UnitRecord | undefined {
  const template = templateOf(name);
  if (template === null || state.units.has(name.name)) return undefined;
  return state.units.get(template);
}

interface Text {
  name: UnitName;
  text: string;
  allowUnsupported: boolean;
  /** Whether the cluster will know a unit of that name. */
  isKnown: (unit: string) => boolean;
  /** It is not only submitted, so that what it requires has to be there. */
  runs: boolean;
}

function readSubmission(
  { name, text, allowUnsupported, isKnown, runs }: Text,
  problems: UnitProblem[],
): UnitSubmission | null {
  const { file, syntax, spec, problems: meaning, unsupported } = meaningOf(name, text, undefined, { allowUnsupported });
  problems.push(...[...syntax, ...meaning].map((problem) => ({ unit: name.name, problem })));
  if (!spec) return null;
  const { description, placement, resources, dependencies: stated } = spec;
  // A template's own names may hold its sample instance: what an instance depends on is read with the instance.
  const dependencies = name.isTemplate ? undefined : amongClusterUnits(name.name, stated);
  const unknown = findUnknown(name.name, dependencies ?? {}, isKnown, runs && !allowUnsupported ? 'error' : 'warning');
  problems.push(...unknown.problems.map((problem) => ({ unit: name.name, problem })));
  const ignored = allowUnsupported ? [...unsupported, ...unknown.directives] : unsupported;
  return {
    ...{ name: name.name, text, hash: hashUnit(file), description, placement, resources },
    ...(dependencies === undefined ? {} : { dependencies }),
    ...(ignored.length > 0 ? { unsupported: ignored } : {}),
  };
}

/** What a known unit requires may not have been submitted yet, or may be gone again. */
function unmetSince(state: ClusterState, name: string, isKnown: Text['isKnown']): UnitProblem[] {
  const unit = state.units.get(name);
  if (unit?.dependencies === undefined || unit.desired === 'launched') return [];
  const allowed = new Set<string>(unit.unsupported);
  const { problems, directives } = findUnknown(name, unit.dependencies, isKnown, 'error');
  return problems.filter((_, at) => !allowed.has(directives[at] ?? '')).map((problem) => ({ unit: name, problem }));
}
