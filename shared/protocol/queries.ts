/** What may be asked about the cluster (`flotilla.query.*`). Any scheduler answers from its projection. */
import type { MachineState } from '../domain/clusterState.ts';
import type { MachineView, UnitFileView, UnitStateView } from '../domain/views.ts';

export type QueryBody =
  | { type: 'ListUnits' }
  | { type: 'ListUnitFiles' }
  | { type: 'ListMachines' }
  | { type: 'GetUnits'; units: string[] }
  /** Answers as soon as all these units have come to rest in the wished state, or `timeoutMs` (≤ 5,000) has passed. */
  | { type: 'WaitUnits'; units: string[]; until: Awaited; timeoutMs: number }
  | { type: 'GetStatus' };

/** `launched`: running, failed, or waiting for a machine. `loaded`, `inactive`: stopped there. `gone`: destroyed. */
export type Awaited = 'launched' | 'loaded' | 'inactive' | 'gone';

export type Query = QueryBody & {
  /** Answer only from a projection that has come at least this far: what the asker has written itself it must see. */
  minSeq?: number | undefined;
};

export interface QueryAnswers {
  ListUnits: { units: UnitStateView[] };
  ListUnitFiles: { units: UnitFileView[] };
  ListMachines: { machines: MachineView[] };
  GetUnits: { units: UnitDetails[] };
  WaitUnits: { units: UnitDetails[] };
  GetStatus: SchedulerStatus;
}

export interface UnitDetails {
  /** Absent: no such unit. */
  file?: UnitFileView;
  /** The unit file as it was submitted; only with `GetUnits`. */
  text?: string;
  name: string;
  states: UnitStateView[];
  /** It has come to rest. */
  settled: boolean;
  /** Why it has no machine: each machine and the filter that rejected it. */
  waiting?: { why: string; machines: { id: string; reason: string }[] };
}

export interface SchedulerStatus {
  scheduler: string;
  leader: string | null;
  epoch: number;
  /** Everything up to this sequence is in the state that `stateHash` is of. */
  stateHash: string;
  machines: Record<MachineState, number>;
  units: number;
}

export type QueryReply<T extends QueryBody['type'] = QueryBody['type']> =
  | { ok: true; seq: number; data: QueryAnswers[T] }
  /** `not-leading`: ask again; somebody leads, or will. */
  | { ok: false; code: 'not-leading' | 'behind' | 'invalid-query' | 'too-large'; message: string };
