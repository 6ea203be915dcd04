/**
 * Locks and elections are lines of keys: each waits under a common prefix with a lease of its own, and the one that was created
 * first has its turn (etcd, "Concurrency API").
 */
import { delay } from '../../../shared/clock/clock.ts';
import { type Bytes, type KeyValue, type KvCommand, type LeaseId, noLease } from '../../../shared/domain/kv.ts';
import type { KvService } from '../kvService.ts';
import { type EtcdContext, linearizable } from './context.ts';
import { isKvError, statusOf } from './errors.ts';
import type { Call } from './grpc/call.ts';
import { GrpcCode, GrpcStatus } from './grpc/grpcStatus.ts';

/** A key in the line. */
export interface Place {
  prefix: Bytes;
  key: Bytes;
  lease: LeaseId;
  /** Its place, and once it has its turn its fencing token. */
  createRevision: number;
}

/** What clients call a lock or an election, as the keys of those who wait for it begin. */
export function prefixOf(name: Bytes): Bytes {
  return `${name}/`;
}

/**
 * Takes a place at the end of the line, or finds the one that the lease has.
 * @returns the key as it is, which is older than `value` where the lease had a place already.
 */
export async function takePlace(
  service: KvService,
  { name, lease, value }: { name: Bytes; lease: LeaseId; value: Bytes },
  user: string | undefined,
): Promise<{ place: Place; value: Bytes } | GrpcStatus> {
  const prefix = prefixOf(name);
  const key = prefix + BigInt(lease).toString(16);
  const command: KvCommand = {
    type: 'Txn',
    compare: [{ key, target: 'create', result: 'equal', number: 0 }],
    success: [{ type: 'Put', key, value, lease }],
    failure: [{ type: 'Range', key }],
  };
  const result = await service.execute(user === undefined ? command : { ...command, user });
  if (!result.ok) return statusOf(result.error);
  const [found] = result.response.type === 'Txn' ? result.response.responses : [];
  const before = found?.type === 'Range' ? found.kvs[0] : undefined;
  const place = { prefix, key, lease, createRevision: before?.createRevision ?? result.revision };
  return { place, value: before?.value ?? value };
}

/**
 * Resolves with null when everybody before has left; a status: the place is lost, or the client has gone away. The lease of
 * who waits is kept alive, as etcd's server does; from then on that is the client's to do.
 */
export async function waitForTurn(
  context: EtcdContext,
  place: Place,
  call: Call,
  user: string | undefined,
): Promise<GrpcStatus | null> {
  const { service } = context;
  for (;;) {
    if (call.closed) return gone;
    const own = stillThere(service, place, user);
    if (own !== null) return own;
    const before = predecessorOf(service, place, user);
    if (before instanceof GrpcStatus) return before;
    if (before === null) break;
    const stopRenewing = keepAlive(context, place.lease);
    await oneIsDeleted(service, [before.key, place.key], call).finally(stopRenewing);
  }
  // What this replica shows may be old: the place may be lost by now.
  return (await linearizable(service)) ?? stillThere(service, place, user);
}

const retryRenewalMs = 500;

/** Renews the lease each third of its time, until the function that it returns is called. */
function keepAlive({ service, clock, onError }: EtcdContext, lease: LeaseId): () => void {
  const over = new AbortController();
  const renew = async () => {
    while (!over.signal.aborted) {
      const renewed = await service.renewLease(lease);
      if (!isKvError(renewed) && renewed.ttlS === 0) return;
      await delay(clock, isKvError(renewed) ? retryRenewalMs : (renewed.ttlS * 1000) / 3, over.signal);
    }
  };
  if (lease !== noLease) renew().catch(onError);
  return () => over.abort();
}

/** Leaves the line, whether or not it had its turn. */
export async function leave(service: KvService, { key, createRevision }: Place, user: string | undefined) {
  const command: KvCommand = {
    type: 'Txn',
    compare: [{ key, target: 'create', result: 'equal', number: createRevision }],
    success: [{ type: 'DeleteRange', key }],
    failure: [],
  };
  return service.execute(user === undefined ? command : { ...command, user });
}

/** Who has its turn, as of a revision or now; null: nobody waits. */
export function firstInLine(
  service: KvService,
  prefix: Bytes,
  user: string | undefined,
  revision = 0,
): KeyValue | null | GrpcStatus {
  const range = { key: prefix, rangeEnd: endOf(prefix) };
  const first = service.store.range({ ...range, sortTarget: 'create', sortOrder: 'ascend', limit: 1, revision }, user);
  return isKvError(first) ? statusOf(first) : (first.kvs[0] ?? null);
}

/** The end of the range of all keys with this prefix, which ends in `/`. */
export function endOf(prefix: Bytes): Bytes {
  return `${prefix.slice(0, -1)}0`;
}

const gone = new GrpcStatus(GrpcCode.Cancelled, 'the client has gone away');
const expired = new GrpcStatus(
  GrpcCode.Unavailable,
  'etcdserver: the lease has ended, and its place in the line with it',
);

function stillThere(service: KvService, { key, createRevision }: Place, user: string | undefined): GrpcStatus | null {
  const found = service.store.range({ key, keysOnly: true }, user);
  if (isKvError(found)) return statusOf(found);
  return found.kvs[0]?.createRevision === createRevision ? null : expired;
}

function predecessorOf(
  service: KvService,
  { prefix, createRevision }: Place,
  user: string | undefined,
): KeyValue | null | GrpcStatus {
  const found = service.store.range(
    {
      key: prefix,
      rangeEnd: endOf(prefix),
      maxCreateRevision: createRevision - 1,
      sortTarget: 'create',
      sortOrder: 'descend',
      limit: 1,
      keysOnly: true,
    },
    user,
  );
  return isKvError(found) ? statusOf(found) : (found.kvs[0] ?? null);
}

/** Resolves when one of the keys is deleted, or the call is over. */
function oneIsDeleted(service: KvService, keys: Bytes[], call: Call): Promise<void> {
  return new Promise((resolve) => {
    const watches = keys.map((key) => service.store.watch({ key, noPut: true }, done));
    function done() {
      for (const watch of watches) watch.close();
      resolve();
    }
    call.onClosed(done);
  });
}
