/** Small valid pieces of a cluster's history, to be varied by tests. */
import type { Dependencies } from '../../shared/domain/dependencies.ts';
import type { ClusterEvent, Event, MachineFacts, UnitReport } from '../../shared/domain/events.ts';
import type { UnitSubmission } from '../../shared/domain/unit.ts';
import type { Placement, Resources } from '../../shared/domain/unitSpec.ts';

type UnitPlaced = Extract<ClusterEvent, { type: 'UnitPlaced' }>;

export const anywhere: Placement = { global: false, metadata: [], conflicts: [], runtimes: [] };

/** A submission whose hash tells its body: another `body`, another unit file. */
export function submission(
  name: string,
  placement: Partial<Placement> = {},
  {
    resources = {},
    body = 'a',
    dependencies,
  }: { resources?: Resources; body?: string; dependencies?: Dependencies } = {},
): UnitSubmission {
  const text = `[Service]\nExecStart=/bin/${body}\n`;
  const hash = Array.from(body, (char) => char.charCodeAt(0).toString(16))
    .join('')
    .padEnd(40, '0');
  const file = {
    name,
    text,
    hash,
    description: `the unit ${name}`,
    placement: { ...anywhere, ...placement },
    resources,
  };
  return dependencies === undefined ? file : { ...file, dependencies };
}

export function submitted({ name: unit, ...rest }: UnitSubmission): ClusterEvent {
  return { type: 'UnitSubmitted', unit, ...rest };
}

export function machineFacts(machine: string, changes: Partial<MachineFacts> = {}): MachineFacts {
  return {
    machine,
    session: `${machine}-1`,
    nodeKey: `${machine}-key`,
    bootId: `${machine}-boot`,
    ip: '127.0.0.1',
    hostname: machine,
    version: '0.1.0',
    metadata: {},
    capacity: {},
    runtimes: ['process'],
    ...changes,
  };
}

export function joined(machine: string, changes: Partial<MachineFacts> = {}): ClusterEvent {
  return { type: 'MachineJoined', ...machineFacts(machine, changes) };
}

export function placed(unit: string, machine: string, reason = 'it was started'): UnitPlaced {
  return { type: 'UnitPlaced', unit, machine, reason, score: { load: 0, units: 0 }, rejected: {} };
}

export function report(unit: string, changes: Partial<UnitReport> = {}): UnitReport {
  return {
    unit,
    hash: submission(unit).hash,
    load: 'loaded',
    active: 'active',
    sub: 'running',
    result: 'success',
    goal: 1,
    reason: 'started',
    ...changes,
  };
}

/** Later than any wish: whoever reports with this goal is well. */
export const wellGoal = Number.MAX_SAFE_INTEGER;

/** The node's report of a unit that is as it is wished to be. */
export function reportedWell(unit: string, machine: string, changes: Partial<UnitReport> = {}): Event {
  return { type: 'UnitStateReported', machine, ...report(unit, { goal: wellGoal, ...changes }) };
}

/** A unit that runs on that machine, and is well there. */
export function running(
  unit: string,
  machine: string,
  placement: Partial<Placement> = {},
  resources: Resources = {},
): Event[] {
  return [
    submitted(submission(unit, placement, { resources })),
    { type: 'UnitLaunchRequested', unit },
    placed(unit, machine),
    reportedWell(unit, machine),
  ];
}
