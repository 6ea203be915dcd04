/**
 * A scheduler: a replica of the cluster's state that answers queries from it and, while it leads, decides. What lives in
 * time is in `replicaActor.ts`; what is decided is in `commitLoop.ts` and `policy/`.
 */
import type { Event } from '../../shared/domain/events.ts';
import { loadProjection, saveSnapshots } from '../../shared/log/clusterSnapshots.ts';
import type { Projection } from '../../shared/log/projection.ts';
import {
  type Replica,
  type ReplicaDeps,
  type ReplicaState,
  type ReplicaTerm,
  startReplica,
} from '../../shared/log/replicaActor.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { Hearing } from './hearing.ts';
import { lead } from './lead.ts';
import { serveQueries } from './queryService.ts';

export interface SchedulerDeps extends ReplicaDeps {
  /** This scheduler. */
  id: string;
  /** How long a machine may be silent, ms. */
  machineTimeoutMs?: number;
  /** A snapshot is saved after so many sequences of the log. */
  sequencesPerSnapshot?: number;
}

export function startScheduler(deps: SchedulerDeps, onState?: (state: ReplicaState) => void): Replica {
  const { id, ids } = deps;
  let hearing: Hearing;
  return startReplica<Event, Projection>(
    {
      ...deps,
      role: 'scheduler',
      subject: subjects.clusterLog,
      load: () => loadProjection(deps),
      elected: ({ state }, epoch) => {
        const cluster = state.cluster || ids();
        return { type: 'LeaderElected', role: 'scheduler', epoch, leader: id, cluster };
      },
      epochOf: ({ state }) => state.leader?.epoch ?? 0,
      serve: (projection, leader) => {
        const services = serveQueries({ ...deps, projection, leader });
        hearing = new Hearing({ ...deps, projection });
        return () => {
          for (const service of services) service.unsubscribe();
          hearing.end();
        };
      },
      lead: (term) => leadAndSave({ ...deps, hearing }, term),
    },
    onState,
  );
}

async function leadAndSave(deps: SchedulerDeps & { hearing: Hearing }, term: ReplicaTerm<Projection>): Promise<void> {
  const stopSaving = saveSnapshots(deps, term.projection);
  try {
    await lead({ ...deps, ...term });
  } finally {
    stopSaving();
  }
}
