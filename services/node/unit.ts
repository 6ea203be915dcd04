import type { Announcement } from '../../shared/domain/announce.ts';
import type { UnitReport } from '../../shared/domain/events.ts';
import type { ServiceSpec } from '../../shared/domain/unitSpec.ts';
import type { AssignedUnit, EndedCommand } from '../../shared/protocol/node.ts';
import type { Gate, Standing } from './policy/ordering.ts';

/** Of an environment, by name. */
export type Variables = Readonly<Record<string, string>>;

/** A unit of whatever kind, as the registry of the node handles it. */
export interface Unit {
  readonly assigned: AssignedUnit;
  readonly announcements: readonly Announcement[];
  /** What its file says of its commands; null: it has none. */
  readonly service: ServiceSpec | null;
  readonly retiring: boolean;
  /** Nothing of it runs. */
  readonly stopped: boolean;
  report(): UnitReport;
  /** Its commands that have ended since it was last started. */
  ended(): EndedCommand[];
  setGoal(assigned: AssignedUnit): void;
  /** Another unit starts it, whether it is launched or only loaded. `told`: variables for its commands. */
  activate(reason: string, told?: Variables): void;
  /** Stops it for good and removes its traces; then `onGone` is called. */
  retire(reason: string): void;
  /** It must not run until it is resumed: it is stopped, and what is wished of it waits. */
  suspend(reason: string): void;
  resume(): void;
  /** Kills what has not stopped since it was suspended. */
  expel(): void;
  /** Lets go of it: nothing is stopped, nobody looks any more. */
  abandon(): void;
}

/** Others wait for it, are stopped with it, or keep it up. */
export interface DependentUnit extends Unit {
  /** How it stands, for those that have to do with it. */
  standing(): Standing;
  /** What it may do as far as others are concerned. */
  setGate(gate: Gate): void;
  /** It is started again when it has ended by itself, and not let alone. */
  readonly mayBeUpheld: boolean;
  uphold(): void;
}

/** It starts another unit of the machine. */
export interface TriggeringUnit extends DependentUnit {
  /** The unit that it starts has changed its state. */
  targetChanged(): void;
}

export interface UnitHandlers {
  /** What there is to report has changed. */
  onReport: (report: UnitReport) => void;
  /** It was retired, and nothing of it is left. */
  onGone: () => void;
}
