/** What may be asked of the cluster (on `flotilla.cmd.cluster`), and the answers. Commands are wishes: they may be refused. */
import type { CordonCommand } from '../domain/cordon.ts';
import type { ForgetCommand } from '../domain/forgetting.ts';
import type { MachineCommand } from '../domain/machine.ts';
import type { MetadataCommand } from '../domain/machineMetadata.ts';
import type { RebalanceCommand } from '../domain/rebalance.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import type { RolloutTerms, StopRollouts } from '../domain/rollout.ts';
import type { UnitCommand } from '../domain/unit.ts';

/** A unit that is named, with its file as the sender has it. */
export interface NamedUnit {
  name: string;
  text?: string | undefined;
}

/** The commands on units as they travel: with unit files that nobody has read yet. */
export type RawUnitCommand = {
  [C in UnitCommand as C['type']]: Omit<C, 'units'> & {
    units: NamedUnit[];
    /** Directives that are unsafe to ignore are ignored, with a warning, instead of refused. */
    allowUnsupported?: boolean | undefined;
  } & (C extends { type: 'StartUnits' }
      ? {
          /** Those that run with another body are replaced a few at a time. */
          rolling?: RolloutTerms | undefined;
        }
      : unknown);
}[UnitCommand['type']];

/** Units that could stay where they are shall run on other machines: on `to`, or on the best one. */
export interface MoveUnits {
  type: 'MoveUnits';
  units: { name: string; to?: string | undefined }[];
  reason: string;
}

/** So many instances of a template shall run, numbered from 1; those with higher numbers go, those with names stay. */
export interface ScaleUnits {
  type: 'ScaleUnits';
  /** `web@.service`. */
  template: string;
  count: number;
}

export type CommandBody =
  | RawUnitCommand
  | ScaleUnits
  | MachineCommand
  | CordonCommand
  | MetadataCommand
  | RebalanceCommand
  | StopRollouts
  | ForgetCommand
  | MoveUnits;

export type Command = CommandBody & {
  /** nanoid. A retry carries the same one, and is answered instead of repeated. */
  id: string;
  /** Who asks: `user@host`. */
  by: string;
};

export type CommandReply =
  | {
      ok: true;
      /** Sequence on the log from which on the effect can be seen. */
      seq: number;
      warnings?: string[];
    }
  | { ok: false; code: RejectionCode | 'not-leading'; message: string; details: string[] };
