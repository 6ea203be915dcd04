/**
 * A store: a replica of the keys that answers reads and watches from its own memory and, while it leads, writes. What
 * lives in time is in `replicaActor.ts`; what is decided is in `store/`.
 */
import { type Clock, delay } from '../../shared/clock/clock.ts';
import type { KvEvent } from '../../shared/domain/kv.ts';
import type { Leader } from '../../shared/log/leaderActor.ts';
import type { LogRetention } from '../../shared/log/logRetention.ts';
import {
  type Replica,
  type ReplicaDeps,
  type ReplicaState,
  type ReplicaTerm,
  startReplica,
} from '../../shared/log/replicaActor.ts';
import { subjects } from '../../shared/protocol/subjects.ts';
import { candidateId } from './identity.ts';
import type { KvMember, KvService } from './kvService.ts';
import { leadKv } from './lead.ts';
import { startMembers } from './members.ts';
import type { KvProjection } from './projection.ts';
import { ReplicaService } from './replicaService.ts';
import { loadKvProjection, saveKvSnapshots } from './snapshots.ts';

export interface KvDeps extends ReplicaDeps {
  /** This store, as clients are told of it. */
  self: KvMember;
  /** Of the log. */
  retention: LogRetention;
  newLease: () => string;
  /** {@link UpkeepOptions} */
  quotaBytes: number;
  keepRevisions: number;
  commandsPerSnapshot?: number;
  /** Begins to serve clients; called when the replica is up to date. Returns what ends it. */
  serve: (service: KvService) => () => void;
}

/** Requests go first. */
const tidyPauseMs = 1;

export function startKv(deps: KvDeps, onState?: (state: ReplicaState) => void): Replica {
  const id = candidateId(deps.self.name, deps.ids());
  let service: ReplicaService | null = null;
  return startReplica<KvEvent, KvProjection>(
    {
      ...deps,
      id,
      role: 'kv',
      foldsOwnCommits: true,
      subject: subjects.kvLog,
      load: () => loadKvProjection(deps),
      elected: ({ cluster }, epoch) => {
        return { type: 'LeaderElected', role: 'kv', epoch, leader: id, cluster: cluster || deps.ids() };
      },
      epochOf: ({ epoch }) => epoch,
      serve: (projection, leader) => {
        const serving = serve(deps, projection, leader);
        service = serving.service;
        return serving.stop;
      },
      lead: (term) => leadAndSave({ ...deps, id, member: deps.self.id }, term, service),
    },
    onState,
  );
}

async function leadAndSave(
  deps: KvDeps & { id: string; member: string },
  term: ReplicaTerm<KvProjection>,
  service: ReplicaService | null,
): Promise<void> {
  const stopSaving = saveKvSnapshots(deps, term.projection);
  try {
    await leadKv(deps, term, (own) => service?.setTerm(own));
  } finally {
    stopSaving();
  }
}

function serve(deps: KvDeps, projection: KvProjection, leader: Leader): { service: ReplicaService; stop: () => void } {
  const { bus, clock, self } = deps;
  const stopped = new AbortController();
  const members = startMembers({ bus, clock, self });
  const service = new ReplicaService({ ...deps, projection, leader, members, signal: stopped.signal });
  const asked = bus.subscribe(subjects.kvMember(self.id), ({ respond }) => {
    respond(new Uint8Array());
    leader.campaign();
  });
  const stopServing = deps.serve(service);
  const stopTidying = keepTidy(projection, clock, stopped.signal);
  const stop = () => {
    stopped.abort();
    stopServing();
    stopTidying();
    asked.unsubscribe();
    members.stop();
  };
  return { service, stop };
}

/** What compactions have left is given back a little at a time. Returns what ends it. */
function keepTidy(projection: KvProjection, clock: Clock, signal: AbortSignal): () => void {
  let tidying = false;
  const tidy = async () => {
    tidying = true;
    while (!signal.aborted && projection.tidy()) await delay(clock, tidyPauseMs, signal);
    tidying = false;
  };
  // At every commit: what a snapshot holds back is to be had when that is done.
  return projection.onCommit(() => {
    if (!tidying) void tidy();
  });
}
