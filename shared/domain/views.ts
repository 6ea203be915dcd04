/** What people see of the cluster: rows of `list-units`, `list-unit-files`, `list-machines`, in fleet's columns. */
import type { ClusterState, Cordon, DesiredState, MachineState, UnitRecord } from './clusterState.ts';
import type { ActiveState, ReportedState, UnitReport } from './events.ts';

/** One unit on one machine. Sorted by unit, then machine. */
export interface UnitStateView {
  unit: string;
  /** Machine id, or null while it has none. */
  machine: string | null;
  ip: string | null;
  load: 'loaded' | 'error' | 'not-loaded';
  active: ActiveState;
  sub: string;
  hash: string;
  /** When it came into this active and sub state, ms since 1970; absent while nothing is reported. */
  since?: number;
  result: string;
  reason: string;
  exit?: UnitReport['exit'];
  pid?: number;
  container?: string;
  health?: UnitReport['health'];
  restarts?: number;
  reloadFailure?: string;
  /** What it says of itself. */
  status?: string;
  timer?: UnitReport['timer'];
}

export interface UnitFileView {
  unit: string;
  hash: string;
  desired: DesiredState;
  /** What is so; `inactive` while it is not placed. For a global unit: where it is furthest. */
  state: DesiredState;
  /** Machine ids. */
  machines: string[];
  global: boolean;
  description: string;
  /** The unit that it starts. */
  activates?: string;
}

export interface MachineView {
  id: string;
  ip: string;
  hostname: string;
  metadata: Record<string, string>;
  state: MachineState;
  /** Why it gets nothing new, and how far it is emptied. */
  cordon?: Pick<Cordon, 'reason' | 'drain'>;
  /** How many units are placed there. */
  units: number;
  version: string;
  runtimes: string[];
  reason: string;
}

/** Units that are wished to be loaded or launched, or that a machine still reports. */
export function unitStates(state: ClusterState): UnitStateView[] {
  const rows: UnitStateView[] = [];
  for (const unit of state.units.values()) rows.push(...statesOf(state, unit));
  for (const [machine, reports] of state.reports.entries()) {
    for (const report of reports.values()) {
      const places = state.units.get(report.unit)?.machines ?? {};
      if (!Object.hasOwn(places, machine)) rows.push(stateView(state, machine, report));
    }
  }
  return rows.sort(byUnitThenMachine);
}

/** What machines report of a unit, placed there or not. */
export function reportedRows(state: ClusterState, unit: string): UnitStateView[] {
  return [...state.reports.entries()]
    .flatMap(([machine, reports]) => {
      const report = reports.get(unit);
      return report ? [stateView(state, machine, report)] : [];
    })
    .sort(byUnitThenMachine);
}

/** A unit's states on the machines that it is placed on; one row without a machine while it has none but should. */
export function statesOf(state: ClusterState, unit: UnitRecord): UnitStateView[] {
  const machines = Object.keys(unit.machines).sort();
  if (machines.length === 0) return unit.desired === 'inactive' ? [] : [unplacedView(state, unit)];
  return machines.map((machine) => {
    const report = state.reports.get(machine)?.get(unit.name);
    return report ? stateView(state, machine, report) : unreportedView(state, unit, machine);
  });
}

function stateView(state: ClusterState, machine: string, report: ReportedState): UnitStateView {
  const { goal: _, ...rest } = report;
  return { ...rest, machine, ip: state.machines.get(machine)?.ip ?? null };
}

function unreportedView(state: ClusterState, unit: UnitRecord, machine: string): UnitStateView {
  const ip = state.machines.get(machine)?.ip ?? null;
  const reason = unit.machines[machine]?.reason ?? '';
  return { ...blank(unit), machine, ip, reason };
}

function unplacedView(state: ClusterState, unit: UnitRecord): UnitStateView {
  const rejected = state.waiting.get(unit.name)?.rejected;
  return { ...blank(unit), machine: null, ip: null, reason: rejected ? describeRejected(rejected) : '' };
}

function blank(unit: UnitRecord) {
  return { unit: unit.name, load: 'not-loaded', active: 'inactive', sub: 'dead', hash: unit.hash, result: '' } as const;
}

/** "2 machines: metadata zone is not a; 1 machine: conflict with x.service". */
export function describeRejected(rejected: Readonly<Record<string, number>>): string {
  const reasons = Object.entries(rejected).sort(([, a], [, b]) => b - a);
  if (reasons.length === 0) return 'no machine is ready';
  return reasons.map(([reason, count]) => `${count} machine${count === 1 ? '' : 's'}: ${reason}`).join('; ');
}

/** Timers that are wished to be loaded or launched, with what they start. */
export function timers(state: ClusterState): (UnitStateView & { activates: string })[] {
  const found = [...state.units.values()].flatMap((unit) => {
    const { activates } = unit.placement;
    const rows = activates !== undefined && unit.name.endsWith('.timer') ? statesOf(state, unit) : [];
    return rows.map((row) => ({ ...row, activates: activates ?? '' }));
  });
  return found.sort(byUnitThenMachine);
}

export function unitFiles(state: ClusterState): UnitFileView[] {
  return [...state.units.values()].map((unit) => unitFile(state, unit)).sort((a, b) => compare(a.unit, b.unit));
}

export function unitFile(state: ClusterState, unit: UnitRecord): UnitFileView {
  return {
    unit: unit.name,
    hash: unit.hash,
    desired: unit.desired,
    state: currentState(state, unit),
    machines: Object.keys(unit.machines).sort(),
    global: unit.placement.global,
    description: unit.description,
    ...(unit.placement.activates === undefined ? {} : { activates: unit.placement.activates }),
  };
}

/** fleet's current state: launched once a machine has taken up the launch, loaded once one has taken it up at all. */
export function currentState(state: ClusterState, unit: UnitRecord): DesiredState {
  const reports = Object.keys(unit.machines).flatMap((machine) => state.reports.get(machine)?.get(unit.name) ?? []);
  const taken = reports.filter((report) => report.goal >= unit.goal);
  if (taken.length === 0) return reports.length > 0 ? 'loaded' : 'inactive';
  return unit.desired;
}

/** Machines that are there, and those that were lost; not those that left in good order. */
export function machines(state: ClusterState): MachineView[] {
  return [...state.machines.values()]
    .filter((machine) => machine.state !== 'left')
    .map((m) => ({
      id: m.machine,
      ip: m.ip,
      hostname: m.hostname,
      metadata: m.metadata,
      state: m.state,
      units: state.assigned.get(m.machine).size,
      version: m.version,
      runtimes: m.runtimes,
      reason: m.reason,
      ...cordonOf(state, m.machine),
    }))
    .sort((a, b) => compare(a.id, b.id));
}

function cordonOf(state: ClusterState, machine: string): Pick<MachineView, 'cordon'> {
  const cordon = state.cordons.get(machine);
  return cordon ? { cordon: { reason: cordon.reason, drain: cordon.drain } } : {};
}

function byUnitThenMachine(a: UnitStateView, b: UnitStateView): number {
  return compare(a.unit, b.unit) || compare(a.machine ?? '', b.machine ?? '');
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
