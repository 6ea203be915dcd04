import { randomBytes } from 'node:crypto';
import { noLease } from '../../../shared/domain/kv.ts';
import { type EtcdContext, execute, headerOf, linearizable } from './context.ts';
import { isKvError, statusOf } from './errors.ts';
import type { Call, StreamCall } from './grpc/call.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { streaming } from './grpc/streaming.ts';
import { unary } from './grpc/unary.ts';
import {
  type LeaseGrantRequest,
  type LeaseKeepAliveRequest,
  type LeaseKeepAliveResponse,
  type LeaseRevokeRequest,
  LeaseService,
  type LeaseTimeToLiveRequest,
} from './messages.ts';
import { endWithoutLeader } from './watch.ts';

/** etcd's Lease service (api-v3, "Lease API"). */
export function leaseRoutes(context: EtcdContext): Route[] {
  const { service, authenticator } = context;

  async function grant({ ID, TTL }: LeaseGrantRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const lease = ID === noLease ? chooseLeaseId() : ID;
    const done = await execute(service, { type: 'LeaseGrant', lease, ttlS: TTL }, user, 'LeaseGrant');
    if (done instanceof GrpcStatus) return done;
    return { header: done.header, ID: done.response.lease, TTL: done.response.ttlS };
  }

  async function revoke({ ID }: LeaseRevokeRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const done = await execute(service, { type: 'LeaseRevoke', lease: ID }, user, 'Done');
    return done instanceof GrpcStatus ? done : { header: done.header };
  }

  function keepAlive(call: StreamCall<LeaseKeepAliveResponse>) {
    endWithoutLeader(context, call);
    return {
      async message({ ID }: LeaseKeepAliveRequest): Promise<void> {
        const renewed = await service.renewLease(ID);
        if (isKvError(renewed)) call.end(statusOf(renewed));
        else call.send({ header: headerOf(service), ID, TTL: renewed.ttlS });
      },
      end: () => call.end(),
    };
  }

  async function timeToLive({ ID, keys }: LeaseTimeToLiveRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const refusal = await linearizable(service);
    if (refusal !== null) return refusal;
    const remaining = await service.remainingTtl(ID);
    if (isKvError(remaining)) return statusOf(remaining);
    const lease = service.store.lease(ID);
    const header = headerOf(service);
    if (lease === null || remaining.ttlS < 0) return { header, ID, TTL: -1 };
    const shown = keys ? lease.keys : [];
    return mayShow(shown, user) ?? { header, ID, TTL: remaining.ttlS, grantedTTL: lease.ttlS, keys: shown };
  }

  /** Who is shown a lease's keys has to be allowed to read each. */
  function mayShow(keys: readonly string[], user: string | undefined): GrpcStatus | null {
    if (!service.store.auth.enabled) return null;
    for (const key of keys) {
      const found = service.store.range({ key, countOnly: true }, user);
      if (isKvError(found)) return statusOf(found);
    }
    return null;
  }

  async function leases() {
    const refusal = await linearizable(service);
    if (refusal !== null) return refusal;
    return { header: headerOf(service), leases: service.store.leases().map(({ lease }) => ({ ID: lease })) };
  }

  return [
    unary(LeaseService.LeaseGrant, grant),
    unary(LeaseService.LeaseRevoke, revoke),
    streaming(LeaseService.LeaseKeepAlive, keepAlive),
    unary(LeaseService.LeaseTimeToLive, timeToLive),
    unary(LeaseService.LeaseLeases, leases),
  ];
}

/** Any int64 above 0; that two are the same is as unlikely as it is harmless: the second is refused. */
export function chooseLeaseId(): string {
  const id = randomBytes(8).readBigUInt64BE() & 0x7fff_ffff_ffff_ffffn;
  return String(id === 0n ? 1n : id);
}
