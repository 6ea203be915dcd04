import type { KvError, LeaseId } from '../../../shared/domain/kv.ts';
import type { KvAnswers, KvQuery, KvQueryReply, KvStoreStatus } from '../../../shared/protocol/kv.ts';
import type { KvService } from '../kvService.ts';

type Answer = KvAnswers[KvQuery['type']] | KvError;

/** Answers a query, from the replica's own store after the leader has said how far it must be. */
export async function answerQuery(service: KvService, query: KvQuery): Promise<KvQueryReply> {
  const error = isFresh(query) ? await service.readBarrier() : null;
  if (error) return { ok: false, error };
  const data = await answer(service, query);
  return 'code' in data ? { ok: false, error: data } : { ok: true, revision: service.store.revision, data };
}

/** Whether the answer must hold everything that was acknowledged to anybody before the question. */
function isFresh(query: KvQuery): boolean {
  switch (query.type) {
    case 'range':
    case 'txn':
      return query.serializable !== true;
    case 'lease':
    case 'leases':
      return true;
    // The leader says of itself how it is; a store says how it is itself.
    case 'renew':
    case 'status':
    case 'members':
    case 'hash':
      return false;
    default:
      return query satisfies never;
  }
}

async function answer(service: KvService, query: KvQuery): Promise<Answer> {
  const { store } = service;
  switch (query.type) {
    case 'range': {
      const { type: _, serializable, user, skip = 0, ...request } = query;
      const range = store.range(request, user);
      return 'code' in range || skip === 0 ? range : { ...range, kvs: range.kvs.slice(skip) };
    }
    case 'txn': {
      const { type: _, serializable, user, ...request } = query;
      return store.read(request, user);
    }
    case 'lease':
      return describeLease(service, query.lease);
    case 'leases':
      return { leases: store.leases() };
    case 'renew':
      return service.renewLease(query.lease);
    case 'status':
      return statusOf(service);
    case 'members':
      return { members: service.members() };
    case 'hash':
      return store.hashKv(query.revision);
    default:
      return query satisfies never;
  }
}

async function describeLease(service: KvService, lease: LeaseId): Promise<KvAnswers['lease'] | KvError> {
  const left = await service.remainingTtl(lease);
  if ('code' in left) return left;
  const granted = service.store.lease(lease);
  if (granted === null || left.ttlS < 0) return { leftS: -1, ttlS: 0, keys: [] };
  return { leftS: left.ttlS, ...granted };
}

function statusOf({ store, status }: KvService): KvStoreStatus {
  const { compactRevision, sizeBytes, sizeInUseBytes, alarms } = store;
  return { ...status, compactRevision, sizeBytes, sizeInUseBytes, alarms: [...alarms] };
}
