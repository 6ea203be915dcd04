import { decide } from '../../shared/domain/cluster.ts';
import type { ClusterState } from '../../shared/domain/clusterState.ts';
import type { ClusterEvent } from '../../shared/domain/events.ts';
import { interpretUnit } from '../../shared/domain/interpretUnit.ts';
import { formatProblem, type Problem } from '../../shared/domain/problem.ts';
import { isRejection, type Rejection, reject } from '../../shared/domain/rejection.ts';
import type { UnitRef, UnitSubmission } from '../../shared/domain/unit.ts';
import { parseUnitFile } from '../../shared/domain/unitFile.ts';
import { parseUnitName, templateOf, type UnitName } from '../../shared/domain/unitName.ts';
import type { Command, NamedUnit, RawUnitCommand } from '../../shared/protocol/commands.ts';
import { hashUnit } from '../../shared/protocol/unitHash.ts';

interface UnitProblem {
  unit: string;
  problem: Problem;
}

/** What a command leads to: events to be committed, and warnings for who asked. */
export interface Decision {
  events: ClusterEvent[];
  warnings: string[];
}

/** Reads the unit files that the command brings and lets the domain decide. Changes nothing. */
export function handleCommand(state: ClusterState, command: Command): Decision | Rejection {
  if (command.type === 'JoinMachine' || command.type === 'LeaveMachine') {
    const { id: _, by: __, ...machineCommand } = command;
    return withWarnings(decide(state, machineCommand), []);
  }
  return handleUnits(state, command);
}

function handleUnits(state: ClusterState, command: RawUnitCommand): Decision | Rejection {
  const problems: UnitProblem[] = [];
  const units: UnitRef[] = [];
  for (const named of command.units) {
    const ref = readUnit(state, named, command.type, problems);
    if (ref) units.push(ref);
  }
  const report = problems.map(({ unit, problem }) => formatProblem(unit, problem));
  if (problems.some(({ problem }) => problem.severity === 'error')) {
    const names = command.units.length === 1 ? `unit ${command.units[0]?.name}` : 'units';
    return reject('invalid-unit', `${names} refused, nothing was changed`, report);
  }
  const { type } = command;
  const replace = 'replace' in command ? command.replace : undefined;
  return withWarnings(decide(state, { type, units, replace }), report);
}

function withWarnings(decided: ClusterEvent[] | Rejection, warnings: string[]): Decision | Rejection {
  return isRejection(decided) ? decided : { events: decided, warnings };
}

/** The commands that may make units known which are not. */
const bringing = new Set<RawUnitCommand['type']>(['SubmitUnits', 'LoadUnits', 'StartUnits']);
/** The commands after which a unit has a machine. */
const running = new Set<RawUnitCommand['type']>(['LoadUnits', 'StartUnits', 'RestartUnits']);

/**
 * A unit as the command means it: with the file that it brought, or, where the cluster knows only its template, with
 * that. Problems are added to `problems`; null goes with an error there.
 */
function readUnit(
  state: ClusterState,
  named: NamedUnit,
  type: RawUnitCommand['type'],
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
  const text = bringing.has(type) ? (named.text ?? templateText(state, name)) : undefined;
  if (text === undefined) return { name: named.name };
  const submission = readSubmission(name, text, problems);
  return submission ? { name: named.name, submission } : null;
}

function templateCannotRun({ name, prefix, type }: UnitName): Problem {
  const message = `${name} is a template and does not run itself; name an instance, such as ${prefix}@1.${type}`;
  return { severity: 'error', message };
}

function templateText(state: ClusterState, name: UnitName): string | undefined {
  const template = templateOf(name);
  if (template === null || state.units.has(name.name)) return undefined;
  return state.units.get(template)?.text;
}

function readSubmission(name: UnitName, text: string, problems: UnitProblem[]): UnitSubmission | null {
  const { file, problems: syntax } = parseUnitFile(text);
  const { spec, problems: meaning } = interpretUnit(name, file);
  problems.push(...[...syntax, ...meaning].map((problem) => ({ unit: name.name, problem })));
  if (!spec) return null;
  const { description, placement, resources } = spec;
  return { name: name.name, text, hash: hashUnit(file), description, placement, resources };
}
