/**
 * `OnFailure=` and `OnSuccess=`, systemd.unit(5): what a unit has started when it has failed, or has ended well. What is to
 * be started stands in the state from the report on, so that no leader forgets it, and none does it twice.
 */
import type { ClusterState } from './clusterState.ts';
import { keyOf } from './dependencies.ts';
import type { ClusterEvent, ReportedState, UnitReport } from './events.ts';

export type TriggerKind = 'OnFailure' | 'OnSuccess';

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
  readonly open?: { readonly kind: TriggerKind; readonly result: string };
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
  const trigger = { goal: report.goal, open: { kind, result: report.result } };
  state.triggers.set(unit.name, { ...known, [machine]: trigger });
}

/** Which of the two it is that has just happened. */
function kindOf({ active, result }: ReportedState, before: ReportedState | undefined): TriggerKind | null {
  if (active === 'failed') return before?.active === 'failed' ? null : 'OnFailure';
  const wasUp = before !== undefined && before.active !== 'inactive' && before.active !== 'failed';
  return active === 'inactive' && result === 'success' && wasUp ? 'OnSuccess' : null;
}

export function openTriggers(state: ClusterState): OpenTrigger[] {
  return [...state.triggers.entries()]
    .flatMap(([unit, machines]) =>
      Object.entries(machines).flatMap(([machine, { open }]): OpenTrigger[] => {
        const names = open && state.units.get(unit)?.dependencies?.[open.kind];
        return open ? [{ unit, machine, ...open, names: names ?? [] }] : [];
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
  const kinds: TriggerKind[] = ['OnFailure', 'OnSuccess'];
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
  { unit, machine }: Extract<ClusterEvent, { type: 'UnitTriggered' }>,
): void {
  const known = state.triggers.get(unit);
  const trigger = known?.[machine];
  if (known && trigger) state.triggers.set(unit, { ...known, [machine]: { goal: trigger.goal } });
}
