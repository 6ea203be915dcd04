/** What may be asked of the cluster (on `flotilla.cmd.cluster`), and the answers. Commands are wishes: they may be refused. */
import type { MachineCommand } from '../domain/machine.ts';
import type { RejectionCode } from '../domain/rejection.ts';
import type { UnitCommand } from '../domain/unit.ts';

/** A unit that is named, with its file as the sender has it. */
export interface NamedUnit {
  name: string;
  text?: string | undefined;
}

/** The commands on units as they travel: with unit files that nobody has read yet. */
export type RawUnitCommand = {
  [C in UnitCommand as C['type']]: Omit<C, 'units'> & { units: NamedUnit[] };
}[UnitCommand['type']];

export type CommandBody = RawUnitCommand | MachineCommand;

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
