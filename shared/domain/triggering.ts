/**
 * `OnFailure=` and `OnSuccess=`, systemd.unit(5): what a unit has started when it has failed, or has ended well. What is to
 * be started stands in the state from the report on, so that no leader forgets it, and none does it twice.
 */
import type { ClusterState } from './clusterState.ts';
import { keyOf, requiringKinds, wishingKinds } from './dependencies.ts';
import type { ClusterEvent, ReportedState, UnitReport } from './events.ts';
import { UnitGraph } from './unitGraph.ts';
import { templateOfName } from './unitName.ts';

/** `Activated`: another unit of its machine (a timer, say) has started it. */
export type TriggerKind = EndKind | 'Activated';
type EndKind = 'OnFailure' | 'OnSuccess';

/** How a unit ended whose `OnFailure=` or `OnSuccess=` starts another one, which is told of it: systemd.exec(5). */
export interface MonitoredEnd {
  readonly unit: string;
  readonly result: string;
  /** Of its main process; absent: it had none. */
  readonly exit?: UnitReport['exit'] | undefined;
  /** Id of the activation that has ended; absent: an earlier agent began it. */
  readonly invocation?: string | undefined;
}

/** Of a unit on one machine. */
export interface Trigger {
  /** The goal that its last failure, or end, belonged to. */
  readonly goal: number;
  /** What is still to be done about it. */
  readonly open?: { readonly kind: EndKind; readonly result: string };
  /** When another unit of the machine last started it, as it told; absent: never. */
  readonly activatedAt?: number;
  /** What it wants elsewhere is still to be started for that. */
  readonly wants?: true;
}

/** By machine. */
export type Triggers = Readonly<Record<string, Trigger>>;

export interface OpenTrigger {
  unit: string;
  machine: string;
  kind: TriggerKind;
  result: string;
  /** What is to be started. */
  names: readonly string[];
}

/** A node has said how the unit is. `before`: how it was; undefined where nothing was known, as after a loss of contact. */
export function noteTrigger(
  state: ClusterState,
  report: ReportedState,
  before: ReportedState | undefined,
  machine: string,
): void {
  const unit = state.units.get(report.unit);
  const kind = kindOf(report, before);
  if (kind === null || !unit?.dependencies?.[kind] || !Object.hasOwn(unit.machines, machine)) return;
  const known = state.triggers.get(unit.name);
  // A failure that is told again is no new one.
  const isKnown = before === undefined && (known?.[machine]?.goal ?? -1) >= report.goal;
  if (isKnown) return;
  const trigger = { ...known?.[machine], goal: report.goal, open: { kind, result: report.result } };
  state.triggers.set(unit.name, { ...known, [machine]: trigger });
}

/** The node starts with such a unit what it wants there; what it wants elsewhere is the cluster's to start. */
export function noteActivation(state: ClusterState, { unit: name, activatedAt }: ReportedState, machine: string): void {
  const unit = state.units.get(name);
  if (activatedAt === undefined || !unit || !Object.hasOwn(unit.machines, machine)) return;
  const isInvolved = unit.dependencies !== undefined || state.dependents.get(name).size > 0;
  const known = state.triggers.get(name);
  if (!isInvolved || known?.[machine]?.activatedAt === activatedAt) return;
  const wants = wantedElsewhere(state, name, machine).length > 0 || opponentsThere(state, name, machine).length > 0;
  const trigger = { goal: -1, ...known?.[machine], activatedAt };
  if (wants) state.triggers.set(name, { ...known, [machine]: { ...trigger, wants: true } });
}

/** What the unit requires or wants that is not on that machine, as far as it is known or can be made of a template. */
function wantedElsewhere(state: ClusterState, name: string, machine: string): string[] {
  const kinds = [...requiringKinds, ...wishingKinds];
  const dependencies = state.units.get(name)?.dependencies ?? {};
  const instances = kinds
    .flatMap((kind) => dependencies[kind] ?? [])
    .filter((other) => state.units.has(templateOfName(other) ?? ''));
  const wanted = new Set([...new UnitGraph(state).related(name, kinds), ...instances]);
  return [...wanted].sort().filter((other) => !Object.hasOwn(state.units.get(other)?.machines ?? {}, machine));
}

/** What runs beside the unit and cannot run together with it. */
export function opponentsThere(state: ClusterState, name: string, machine: string): string[] {
  return new UnitGraph(state).related(name, ['Conflicts']).filter((other) => {
    const { desired, machines = {} } = state.units.get(other) ?? {};
    return desired === 'launched' && Object.hasOwn(machines, machine);
  });
}

/** Which of the two it is that has just happened. */
function kindOf({ active, result }: ReportedState, before: ReportedState | undefined): EndKind | null {
  if (active === 'failed') return before?.active === 'failed' ? null : 'OnFailure';
  const wasUp = before !== undefined && before.active !== 'inactive' && before.active !== 'failed';
  return active === 'inactive' && result === 'success' && wasUp ? 'OnSuccess' : null;
}

export function openTriggers(state: ClusterState): OpenTrigger[] {
  return [...state.triggers.entries()]
    .flatMap(([unit, machines]) =>
      Object.entries(machines).flatMap(([machine, { open, wants }]): OpenTrigger[] => {
        const activated = { unit, machine, kind: 'Activated', result: 'success' } as const;
        const names = open && state.units.get(unit)?.dependencies?.[open.kind];
        return [
          ...(wants ? [{ ...activated, names: wantedElsewhere(state, unit, machine) }] : []),
          ...(open ? [{ unit, machine, ...open, names: names ?? [] }] : []),
        ];
      }),
    )
    .sort((a, b) => (a.unit < b.unit || (a.unit === b.unit && a.machine < b.machine) ? -1 : 1));
}

/** What is told of it to a unit that it starts; undefined where several may start that one, as under systemd. */
export function monitoredEnd(
  state: ClusterState,
  { unit, machine, result }: OpenTrigger,
  started: string,
): MonitoredEnd | undefined {
  const kinds: EndKind[] = ['OnFailure', 'OnSuccess'];
  const naming = new Set(kinds.flatMap((kind) => [...state.dependents.get(keyOf(kind, started))]));
  const isLoaded = (name: string) => (state.units.get(name)?.desired ?? 'inactive') !== 'inactive';
  if ([...naming].filter(isLoaded).length > 1) return undefined;
  const report = state.reports.get(machine)?.get(unit);
  // It may have been started again since.
  if (report?.result !== result || (report.active !== 'failed' && report.active !== 'inactive'))
    return { unit, result };
  const { exit, invocation } = report;
  return { unit, result, ...(exit ? { exit } : {}), ...(invocation === undefined ? {} : { invocation }) };
}

/** Something has been done about it. */
export function evolveTriggered(
  state: ClusterState,
  { unit, machine, kind }: Extract<ClusterEvent, { type: 'UnitTriggered' }>,
): void {
  const known = state.triggers.get(unit);
  const trigger = known?.[machine];
  if (!known || !trigger) return;
  const { open, wants, ...rest } = trigger;
  const still =
    kind === 'Activated' ? { ...rest, ...(open ? { open } : {}) } : { ...rest, ...(wants ? { wants } : {}) };
  state.triggers.set(unit, { ...known, [machine]: still });
}
