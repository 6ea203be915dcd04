import type { MachineView, UnitStateView } from '../../shared/domain/views.ts';
import type { JetStreamHealth } from '../../shared/log/jetStreamHealth.ts';
import type { KvStoreStatus } from '../../shared/protocol/kv.ts';
import type { SchedulerStatus } from '../../shared/protocol/queries.ts';

/** Something that was asked for: what came, or why nothing did. */
export type Answered<T> = { value: T } | { missing: string; isDamage?: boolean };

/** All that is looked at, as it was found. */
export interface ClusterFacts {
  jetStream: Answered<JetStreamHealth>;
  /** Of the directory that `flotilla up` runs the cluster in; null: it is not on this machine. */
  disk: { path: string; freeBytes: number } | null;
  scheduler: Answered<SchedulerStatus>;
  store: Answered<{ status: KvStoreStatus; members: number }>;
  machines: MachineView[];
  units: UnitStateView[];
  /** By machine: how much its clock was ahead when it wrote last, ms. */
  skews: ReadonlyMap<string, number>;
  /** By stream: how many commits hold together. */
  chains: ReadonlyMap<string, Answered<number>>;
}
