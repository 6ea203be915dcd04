import { GrpcStatus } from '../grpc/grpcStatus.ts';
import { KVService, LeaseService, type RequestOp, type TxnRequest, WatchService } from '../messages.ts';
import type { Sendable } from '../wire/codec.ts';
import type { GrpcClient } from './grpcClient.ts';
import type { Operation, Txn, TxnOperation } from './operations.ts';

/** How far the servers are. */
export interface Moment {
  revision: number;
  compactRevision: number;
}

/** Does it, and returns what is to be the same at every server: anything but ids, terms and the time that is left. */
export async function perform(client: GrpcClient, operation: Operation, moment: Moment): Promise<unknown> {
  return withoutIds(await answerOf(client, operation, moment));
}

function answerOf(client: GrpcClient, operation: Operation, moment: Moment): Promise<unknown> {
  const { revision } = moment;
  switch (operation.type) {
    case 'put':
      return client.call(KVService.Put, operation.request);
    case 'delete':
      return client.call(KVService.DeleteRange, operation.request);
    case 'range':
      return client.call(KVService.Range, rangeOf(operation, revision));
    case 'txn':
      return client.call(KVService.Txn, txnOf(operation.txn, revision));
    case 'compact':
      return client.call(KVService.Compact, { revision: compactionOf(operation, moment) });
    case 'grant':
      return client.call(LeaseService.LeaseGrant, { ID: operation.ID, TTL: operation.TTL });
    case 'revoke':
      return client.call(LeaseService.LeaseRevoke, { ID: operation.ID });
    case 'timeToLive':
      return timeToLive(client, operation.ID);
    case 'renew':
      return client.call(LeaseService.LeaseKeepAlive, { ID: operation.ID });
    case 'leases':
      return leases(client);
    case 'watch':
      return watch(client, operation, moment);
  }
}

/** At least 1: etcd lets a store that was never compacted be compacted to 0, once. */
export function compactionOf({ back }: { back: number }, { revision }: Moment): number {
  return Math.max(1, revision - back);
}

// In which order keys and leases are listed is nobody's promise.

async function timeToLive(client: GrpcClient, ID: string) {
  const answer = await client.call(LeaseService.LeaseTimeToLive, { ID, keys: true });
  return answer instanceof GrpcStatus ? answer : { ...answer, keys: answer.keys.sort() };
}

async function leases(client: GrpcClient) {
  const answer = await client.call(LeaseService.LeaseLeases, {});
  return answer instanceof GrpcStatus ? answer : { ...answer, leases: answer.leases.map(({ ID }) => ID).sort() };
}

function rangeOf({ request, back }: Extract<Operation, { type: 'range' }>, revision: number) {
  return back === null ? request : { ...request, revision: Math.max(0, revision - back) };
}

function txnOf({ compare, success, failure }: Txn, revision: number): Sendable<TxnRequest> {
  const all = (operations: TxnOperation[]) => operations.map((operation) => requestOf(operation, revision));
  return { compare, success: all(success), failure: all(failure) };
}

function requestOf(operation: TxnOperation, revision: number): Sendable<RequestOp> {
  switch (operation.type) {
    case 'put':
      return { requestPut: operation.request };
    case 'delete':
      return { requestDeleteRange: operation.request };
    case 'range':
      return { requestRange: rangeOf(operation, revision) };
    case 'txn':
      return { requestTxn: txnOf(operation.txn, revision) };
    case 'none':
      return {};
  }
}

/**
 * From the compaction's own revision on, etcd 3.4 forgets a key that was deleted there, sooner or later; we do not.
 * How many responses the events come in is each server's own business.
 *
 * Watches until the watch has seen a put and a deletion that are made for it, so that it is known when it has caught up.
 */
async function watch(client: GrpcClient, operation: Extract<Operation, { type: 'watch' }>, moment: Moment) {
  const { key, rangeEnd, back, prevKv, filter } = operation;
  const stream = client.open(WatchService.Watch);
  const wanted = back === null ? 0 : Math.max(0, moment.revision - back);
  const startRevision = wanted === moment.compactRevision ? wanted + 1 : wanted;
  const filters = filter === null ? [] : [filter];
  stream.send({ createRequest: { key, rangeEnd, startRevision, prevKv, filters } });
  const created = await stream.next();
  const put = await client.call(KVService.Put, { key, value: 'seen' });
  const removed = await client.call(KVService.DeleteRange, { key });
  const last = filter === 1 ? put : removed;
  if (last instanceof GrpcStatus) return last;
  const seen: unknown[] = [];
  let response = created;
  while (
    response !== null &&
    !response.canceled &&
    !response.events.some((event) => isUpTo(event, last.header?.revision))
  ) {
    response = await stream.next();
    seen.push(...(response?.events ?? []));
  }
  stream.cancel();
  const { canceled = false, compactRevision = 0, cancelReason = '' } = response ?? {};
  return { created, seen, canceled, compactRevision, cancelReason };
}

function isUpTo({ kv }: { kv?: { modRevision: number } | undefined }, revision = 0): boolean {
  return kv !== undefined && kv.modRevision >= revision;
}

const differing = new Set(['clusterId', 'memberId', 'raftTerm', 'TTL']);

function withoutIds(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutIds);
  if (value instanceof GrpcStatus) return { code: value.code, message: value.message };
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !differing.has(name));
  return Object.fromEntries(kept.map(([name, item]) => [name, withoutIds(item)]));
}
