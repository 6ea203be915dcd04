import { noLease } from '../../../shared/domain/kv.ts';
import { type EtcdContext, execute, headerOf } from './context.ts';
import type { Call } from './grpc/call.ts';
import { GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { unary } from './grpc/unary.ts';
import { chooseLeaseId } from './lease.ts';
import { type LockRequest, LockService, type UnlockRequest } from './messages.ts';
import { leave, takePlace, waitForTurn } from './waitingLine.ts';

/** Of the lease that the server grants to whoever brings none; as etcd's. */
const defaultTtlS = 60;

/** etcd's Lock service (v3lock). The create revision of the key that it answers with is the fencing token. */
export function lockRoutes(context: EtcdContext): Route[] {
  const { service, authenticator } = context;

  async function lock({ name, lease }: LockRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const held = lease === noLease ? await grantLease(user) : lease;
    if (held instanceof GrpcStatus) return held;
    const taken = await takePlace(service, { name, lease: held, value: '' }, user);
    if (taken instanceof GrpcStatus) return taken;
    const refusal = await waitForTurn(context, taken.place, call, user);
    if (refusal === null && !call.closed) return { header: headerOf(service), key: taken.place.key };
    // Nobody will ever unlock it.
    await leave(service, taken.place, user);
    return refusal ?? { header: headerOf(service), key: taken.place.key };
  }

  async function grantLease(user: string | undefined): Promise<string | GrpcStatus> {
    const grant = { type: 'LeaseGrant', lease: chooseLeaseId(), ttlS: defaultTtlS } as const;
    const done = await execute(service, grant, user, 'LeaseGrant');
    return done instanceof GrpcStatus ? done : done.response.lease;
  }

  async function unlock({ key }: UnlockRequest, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const done = await execute(service, { type: 'DeleteRange', key }, user, 'DeleteRange');
    return done instanceof GrpcStatus ? done : { header: done.header };
  }

  return [unary(LockService.Lock, lock), unary(LockService.Unlock, unlock)];
}
