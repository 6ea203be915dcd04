/** Whether what ended had a reason to end: a fault where it ran, a command, or a placement that went elsewhere with cause. */
import type { Run } from './counters.ts';

/** A fault, from when it struck until all was well again. Times are wall clock, ms. */
export interface FaultRecord {
  name: string;
  /** What it struck, for people. */
  what: string;
  /** Machines that may be taken for lost, and whose units may end. */
  machines: readonly string[];
  /** Leases may run out everywhere: nodes may have to stop their `OnDisconnect=stop` units. */
  leases: boolean;
  from: number;
  to: number;
}

/** A command on a unit; also one whose answer was lost may have worked. */
export interface UnitCommanded {
  unit: string;
  from: number;
  to: number;
}

/** A run that is over, with its end as wall clock, ms. */
export interface EndedRun extends Pick<Run, 'unit' | 'machine'> {
  at: number;
}

export interface Causes {
  faults: readonly FaultRecord[];
  commands: readonly UnitCommanded[];
  /** Whether the unit has `OnDisconnect=stop`. */
  isAlone: (unit: string) => boolean;
}

/** A run's last beat is before its end, and clocks are read in hundredths: so much earlier an end may seem. */
const slackMs = 1_000;

export function endedWithoutCause(ended: readonly EndedRun[], { faults, commands, isAlone }: Causes): EndedRun[] {
  const contains = ({ from, to }: { from: number; to: number }, at: number) => from - slackMs <= at && at <= to;
  return ended.filter(({ unit, machine, at }) => {
    const byFault = faults.some(
      (fault) => contains(fault, at) && (fault.machines.includes(machine) || (fault.leases && isAlone(unit))),
    );
    return !byFault && !commands.some((command) => command.unit === unit && contains(command, at));
  });
}

/** Losses of machines that no fault explains. */
export function falseAlarms(
  lost: readonly { machine: string; at: number; reason: string }[],
  faults: readonly FaultRecord[],
): { machine: string; at: number; reason: string }[] {
  return lost.filter(
    ({ machine, at }) => !faults.some(({ machines, from, to }) => machines.includes(machine) && from <= at && at <= to),
  );
}
